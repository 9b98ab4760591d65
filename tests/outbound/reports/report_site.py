"""A database with hours of UPSes whose figures are known, and the config of a site that reports on it."""

import json
from contextlib import closing
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ingest.config.alerts import Alerts, AlertTarget
from ingest.config.mail import Mail
from ingest.config.model import Config
from ingest.config.periodic import ReportSettings
from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc
from tests.helpers.new_database import new_database

ROME = ZoneInfo("Europe/Rome")
HOURLY = """insert into ups_samples_hourly (ups, hour_at, samples, covered_s, on_battery_s, trim_s, boost_s,
  wh, input_voltage_min, input_voltage_avg, input_voltage_max, watts_min, watts_avg, watts_max, ups_load_min,
  ups_load_avg, ups_load_max) values (?, ?, 60, ?, ?, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


def rome(text):
    """Unix seconds of a local time."""
    return datetime.fromisoformat(text).replace(tzinfo=ROME).timestamp()


def site_config(folder, *reports, **given):
    """A config with a mail target and a program."""
    targets = (AlertTarget("mail", mail=("owner@example.org",)), AlertTarget("program", command=("true",)))
    return Config(
        title="Hill house",
        timezone="Europe/Rome",
        database=folder / "telemetry.db",
        alerts=Alerts(targets),
        mail=Mail("127.0.0.1", "voltkeeper@example.org"),
        **{"reports": reports or (ReportSettings("monthly", "month", ("mail", "program")),), **given},
    )


class ReportHouse:
    """Writes UPSes, their hours and outages into a new database."""

    def __init__(self, path: Path):
        self.path = new_database(path)

    def add_ups(
        self, name, since, label=None, *, watts=100.0, until=None, step=None, volts=230.0, covered=3600
    ):
        """A UPS with rows for each hour from `since` to `until`, unix seconds: W rise through the day."""
        with closing(connect(self.path)) as connection, transaction(connection):
            number = connection.execute(
                "insert into ups (name, driver, source, address, label, first_seen_at, configured, "
                "realpower_nominal) values (?, ?, ?, '', ?, ?, 1, 600) returning id",
                (
                    name,
                    "nut" if "@" in name else "must",
                    name.rpartition("@")[2],
                    label or name,
                    format_utc(since),
                ),
            ).fetchone()[0]
            rows = [
                self._hour(number, at, watts, volts, covered)
                for at in range(int(since) // 3600 * 3600, int(until or since), 3600)
            ]
            connection.executemany(HOURLY, rows)
        return number

    @staticmethod
    def _hour(number, at, watts, volts, covered):
        mean = None if watts is None else watts + at // 3600 % 24 * 0.7
        load = None if mean is None else mean / 6
        wh = None if mean is None else mean * covered / 3600
        voltages = (None,) * 3 if volts is None else (volts - 2, volts + at // 3600 % 5, volts + 6)
        shown = (None,) * 6 if mean is None else (mean - 5, mean, mean + 5, load - 1, load, load + 1)
        return (number, format_utc(at), covered, 0, wh, *voltages, *shown)

    def add_outage(self, ups, start, seconds, wh=12.5):
        """An outage, with the seconds on battery of its hour."""
        figures = {"seconds": seconds, "wh": wh, "lowest_charge": 81, "lowest_battery_voltage": 12.6}
        self.execute(
            "insert into events (started_at, event, ups, ended_at, figures, complete) "
            "values (?, 'ONBATT', ?, ?, ?, 1)",
            (format_utc(start), ups, format_utc(start + seconds), json.dumps(figures)),
        )
        self.execute(
            "update ups_samples_hourly set on_battery_s = ? where ups = ? and hour_at = ?",
            (seconds, ups, format_utc(start // 3600 * 3600)),
        )

    def forget(self, ups, start, end):
        """Nothing was measured in these hours."""
        self.execute(
            "delete from ups_samples_hourly where ups = ? and hour_at >= ? and hour_at < ?",
            (ups, format_utc(start), format_utc(end)),
        )

    def execute(self, sql, values=()):
        """One statement in its own transaction; returns its rows."""
        with closing(connect(self.path)) as connection, transaction(connection):
            return connection.execute(sql, values).fetchall()

    def add_tariff(self, price, currency="EUR"):
        """A tariff that is always valid."""
        self.execute(
            "insert into tariffs (valid_from, valid_to, hours, days, price_per_kwh, currency) "
            "values (null, null, '', '', ?, ?)",
            (price, currency),
        )
