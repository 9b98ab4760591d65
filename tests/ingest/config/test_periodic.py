"""The sections `reports:` and `schedule:`: what is wrong in them, with the remedy."""

import pytest

from ingest.config.jobs import configured_jobs
from ingest.config.model import ConfigError
from ingest.config.periodic import RESERVED
from ingest.maintenance.jobs import JOBS
from tests.helpers.config_text import parse_config

SOURCES = """
timezone: Europe/Rome
nut: [{name: closet, ups: [rack]}]
ups: {rack@closet: {commands: [test.battery.start.quick]}}
alerts: {targets: [{name: phone, url: "ntfy://topic"}]}
"""
TEST = "ups: rack@closet, command: test.battery.start.quick"


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            "schedule: [{name: deep, every: year, ups: rack@closet, command: test.battery.start.deep}]",
            "schedule.deep.command: test.battery.start.deep is not listed: did you mean "
            "'test.battery.start.quick'?; add it to ups: {rack@closet: {commands: [...]}}",
        ),
        (f"schedule: [{{name: a, every: month, day: 32, {TEST}}}]", "has to be 1 to 31; 31 is the last"),
        (f"schedule: [{{name: a, every: year, month: 13, {TEST}}}]", "has to be 1 to 12"),
        (f"schedule: [{{name: a, every: week, day: 2, {TEST}}}]", "belongs to every: month or year; this is"),
        (
            f"schedule: [{{name: a, every: month, weekday: friday, {TEST}}}]",
            "weekday: belongs to every:",
        ),
        (f"schedule: [{{name: a, every: month, month: 3, {TEST}}}]", "month: belongs to every: year"),
        (f"schedule: [{{name: a, every: hour, {TEST}}}]", "'hour' is none of day, week, month, year"),
        (f"schedule: [{{name: a, every: day, at: 10:00, {TEST}}}]", 'write it in quotes, such as "'),
        (f"schedule: [{{name: prune, every: day, {TEST}}}]", "'prune' is the name of a maintenance job"),
        ("reports: [{name: backup, every: day, to: [phone]}]", "'backup' is the name of a maintenance job"),
        (
            f"schedule: [{{name: a, every: day, {TEST}}}]\nreports: [{{name: a, every: day, to: [phone]}}]",
            "schedule.a.name: a report has this name, too",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_key(tmp_path, section, message):
    with pytest.raises(ConfigError) as error:
        parse_config(SOURCES + section, tmp_path)
    assert message in str(error.value)


def test_reports_and_commands_are_jobs(tmp_path):
    config = parse_config(
        f"{SOURCES}schedule: [{{name: test, every: month, day: 31, at: '09:15', {TEST}}}]\n"
        "reports: [{name: weekly, every: week, to: [phone]}]",
        tmp_path,
    )
    assert [(job.name, job.runner, job.title, job.schedule) for job in configured_jobs(config)] == [
        (
            "weekly",
            "outbound",
            "Report weekly of the last week",
            "every week on Monday at 07:00, Europe/Rome",
        ),
        (
            "test",
            "ingest",
            "Start a quick battery test: rack@closet",
            "every month on day 31 at 09:15, Europe/Rome",
        ),
    ]


def test_names_of_maintenance_jobs_are_reserved():
    assert set(JOBS) < set(RESERVED)
