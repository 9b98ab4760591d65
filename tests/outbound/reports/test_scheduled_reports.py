"""Reports at their times: made by a process of its own and queued, once, also after weeks without power."""

import asyncio
import time
from contextlib import closing

from ingest.config.jobs import report_job
from ingest.config.model import load_config
from ingest.db.connection import connect, dict_rows, transaction
from ingest.db.time import format_utc
from ingest.jobs.register import begin_job
from outbound.database import OutboundDatabase
from outbound.reports.scheduled import ReportScheduler
from tests.helpers.due_jobs import have_missed
from tests.outbound.reports.report_site import ReportHouse

CONFIG = """
database: telemetry.db
timezone: Europe/Rome
alerts: {{targets: [{{name: program, command: ["true"]}}, {{name: other, command: ["true"]}}]}}
reports: [{{name: daily, every: day, to: [program, other]{more}}}]
"""


class Scheduled:
    """A folder with a config, and what `voltkeeper outbound` does with its reports."""

    def __init__(self, folder, more=""):
        (folder / "config.yml").write_text(CONFIG.format(more=more))
        self.config = load_config(folder / "config.yml")
        house = ReportHouse(self.config.database)
        house.add_ups("garage", time.time() - 3 * 86_400, until=time.time() - 86_400)

    def run(self):
        """One look of a process that starts anew."""

        async def look():
            database = OutboundDatabase(self.config.database)
            try:
                return await ReportScheduler(self.config, database).run_due()
            finally:
                await database.close()

        return asyncio.run(look())

    def miss(self, days):
        have_missed(self.config.database, days, ["daily"], "outbound")

    def rows(self, sql):
        with closing(connect(self.config.database)) as connection:
            return [tuple(row.values()) for row in dict_rows(connection, sql)]


def test_what_was_missed_is_made_once_also_when_it_is_cut_off(tmp_path):
    scheduled = Scheduled(tmp_path)
    assert scheduled.run() == []  # a new database has missed nothing
    scheduled.miss(20)
    with closing(connect(scheduled.config.database)) as connection, transaction(connection):
        job = report_job(scheduled.config.reports[0], scheduled.config.timezone)
        begin_job(connection, job, "schedule", time.time(), True)  # and the process was killed
    assert scheduled.run() == ["daily"]
    assert scheduled.run() == []
    assert scheduled.rows("select target, kind, state, report > '' from deliveries order by target") == [
        ("other", "report", "queued", 1),
        ("program", "report", "queued", 1),
    ]
    [(outcome, detail, next_at)] = scheduled.rows("select outcome, detail, next_at from chores")
    assert outcome == "done" and "queued for program, other" in detail
    assert format_utc(time.time()) < next_at < format_utc(time.time() + 90_000)
    assert len(list((tmp_path / "reports").glob("daily.*.eml"))) == 1


def test_a_report_that_cannot_be_made_is_tried_again_after_an_hour(tmp_path):
    scheduled = Scheduled(tmp_path, ", query: no_such_query")
    scheduled.miss(20)
    assert scheduled.run() == ["daily"]
    assert scheduled.run() == []
    [(outcome, detail, next_at)] = scheduled.rows("select outcome, detail, next_at from chores")
    assert outcome == "failed" and "no_such_query" in detail
    assert next_at <= format_utc(time.time() + 3600)
    assert scheduled.rows(
        "select severity, subject, text, href from attention where href like '%maint%'"
    ) == [("Warning", "Report daily of the last day", detail, "/-/maintenance")]
    with closing(connect(scheduled.config.database)) as connection:
        connection.execute("update chores set ended_at = ?", (format_utc(time.time() - 3601),))
    assert scheduled.run() == ["daily"]
    assert scheduled.rows("select count(*) from deliveries") == [(0,)]


def test_a_paused_report_waits(tmp_path):
    scheduled = Scheduled(tmp_path)
    scheduled.miss(20)
    with closing(connect(scheduled.config.database)) as connection:
        connection.execute("update chores set paused_at = ?", (format_utc(time.time()),))
    assert scheduled.run() == []
