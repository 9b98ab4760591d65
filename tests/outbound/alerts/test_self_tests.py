"""A self-test of the schedule that failed is two events and one message."""

import pytest

from ingest.config.alerts import AlertRule, Alerts
from ingest.db.time import format_utc
from tests.outbound.alerts.planned_site import MAIL, PHONE, PlannedSite

COMMAND_FAILED, QUICK = "SCHEDULED_COMMAND_FAILED", "test.battery.start.quick"


@pytest.fixture
def played(tmp_path):
    """A function that returns a PlannedSite; it ends with the test."""
    sites = []

    def make(*rules):
        sites.append(PlannedSite(tmp_path / "t.db", Alerts((PHONE, MAIL), rules)))
        return sites[-1]

    yield make
    for site in sites:
        site.connection.close()


def fail_test(site, test_ups=1, pause_s=2.0, command=QUICK):
    """An order is placed, and after a while the test has failed; a moment later so has the command."""
    placed_at = format_utc(site.wall)
    site.wait(5)
    if test_ups:
        site.begin(test_ups, "TEST_FAILED")
    if pause_s:
        site.wait(pause_s)
    figures = {"command": command, "started_at": placed_at}
    site.begin(1, COMMAND_FAILED, ended_at=site.wall, figures=figures)
    site.wait(2)


def states(site):
    return site.rows("event_name", "target", "state", "reason")


@pytest.mark.parametrize("pause_s", [0, 2], ids=["in one step", "later"])
def test_who_gets_the_failed_test_is_not_sent_the_failed_command(played, pause_s):
    site = played()
    fail_test(site, pause_s=pause_s)
    assert states(site) == [
        ("TEST_FAILED", "phone", "queued", ""),
        ("TEST_FAILED", "mail", "queued", ""),
        (COMMAND_FAILED, "phone", "muted", "TEST_FAILED has reported it"),
        (COMMAND_FAILED, "mail", "muted", "TEST_FAILED has reported it"),
    ]


def test_a_target_whose_rules_name_the_command_alone_gets_it(played):
    site = played(
        AlertRule(("TEST_FAILED", COMMAND_FAILED), ("phone",)), AlertRule((COMMAND_FAILED,), ("mail",))
    )
    fail_test(site)
    assert [row[:3] for row in states(site)] == [
        ("TEST_FAILED", "phone", "queued"),
        (COMMAND_FAILED, "phone", "muted"),
        (COMMAND_FAILED, "mail", "queued"),
    ]


@pytest.mark.parametrize(
    ("test_ups", "command"),
    [(None, QUICK), (2, QUICK), (1, "beeper.disable")],
    ids=["no test", "another UPS", "another command"],
)
def test_a_command_that_failed_by_itself_is_sent(played, test_ups, command):
    site = played()
    fail_test(site, test_ups, command=command)
    assert (COMMAND_FAILED, "phone", "queued", "") in states(site)


def test_a_second_failure_is_sent_while_the_first_lasts(played):
    site = played()
    fail_test(site)
    site.wait(60)
    fail_test(site, test_ups=None)
    assert [row[:3] for row in states(site)[4:]] == [
        (COMMAND_FAILED, "phone", "queued"),
        (COMMAND_FAILED, "mail", "queued"),
    ]


def test_a_failed_test_that_was_not_delivered_does_not_keep_the_command_back(played):
    site = played()
    placed_at = format_utc(site.wall)
    site.begin(1, "TEST_FAILED")
    site.wait(2)
    site.connection.execute("update deliveries set state = 'failed' where target = 'phone'")
    site.begin(1, COMMAND_FAILED, ended_at=site.wall, figures={"command": QUICK, "started_at": placed_at})
    site.wait(1)
    assert [row[:3] for row in states(site)[2:]] == [
        (COMMAND_FAILED, "phone", "queued"),
        (COMMAND_FAILED, "mail", "muted"),
    ]
