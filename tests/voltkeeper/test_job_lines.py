"""The lines of `voltkeeper status` about jobs."""

from contextlib import closing
from dataclasses import replace

from ingest.config.model import Config
from ingest.config.periodic import ScheduledCommand
from ingest.db.connection import connect, transaction
from ingest.jobs.register import pause_job, request_job
from ingest.maintenance.jobs import run_due
from tests.helpers.new_database import new_database
from voltkeeper.jobs import job_lines


def test_each_job_that_recurs_has_a_line(tmp_path):
    config = Config(database=tmp_path / "house.db", timezone="UTC")
    assert job_lines(config) == []
    new_database(config.database)
    test = ScheduledCommand("selftest", "month", "rack@closet", "test.battery.start.quick")
    config = replace(config, schedule=(test,))
    with closing(connect(config.database)) as connection, transaction(connection):
        request_job(connection, "check", "ann")
        assert pause_job(connection, "check", "ann")
    assert run_due(config) == ["check"]
    lines = {line.split()[1]: line for line in job_lines(config)}
    assert list(lines) == ["prune", "measure", "quick_check", "check", "selftest"]
    assert lines["prune"].startswith("job      prune (site): next 20")
    assert lines["prune"].endswith(" 03:00; has not run yet")
    assert "(site): paused by ann; done 20" in lines["check"]
    assert lines["check"].endswith(": the integrity and foreign key checks found no fault")
    assert "-01 10:00; has not run yet" in lines["selftest"]
