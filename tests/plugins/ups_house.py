"""A site with UPSes as rows: seeded samples, hours, polls and events of two NUT UPSes and an EP20."""

import itertools
import json
import random
import time
from collections import Counter
from typing import NamedTuple

from ingest.db.connection import connect
from ingest.db.time import LocalTime, format_utc
from tests.helpers.new_database import new_database
from tests.plugins.site_helpers import HEARD_S

UPSES = ("rack@closet", "desk@closet", "garage")
FIGURES = (
    "input_voltage",
    "input_frequency",
    "output_voltage",
    "battery_charge",
    "battery_voltage",
    "battery_runtime",
    "ups_load",
    "watts",
    "ups_temperature",
)
VARIABLES = {
    "rack@closet": {
        "ups.mfr": "EATON",
        "ups.model": "5PX 1500i",
        "ups.serial": "G123",
        "ups.realpower.nominal": "1350",
        "battery.charge.low": "20",
        "battery.runtime.low": "180",
        "input.transfer.low": "184",
        "input.transfer.high": "265",
        "input.voltage.nominal": "230",
        "ups.test.result": "Done and passed",
        "battery.type": "PbAc",
        "ups.beeper.status": "enabled",
        "outlet.1.status": "on",
    },
    "desk@closet": {
        "ups.mfr": "American Power Conversion",
        "ups.model": "Back-UPS RS 1600SI",
        "ups.serial": "4B1",
        "battery.charge.low": "10",
        "input.transfer.low": "176",
        "input.transfer.high": "282",
        "input.voltage.nominal": "230",
        "battery.date": "2019/05/16",
        "ups.realpower.nominal": "960",
        "battery.type": "PbAc",
        "ups.beeper.status": "disabled",
        "ups.test.result": "No test initiated",
    },
    "garage": {
        "ups.mfr": "MUST",
        "ups.model": "EP20-1000",
        "output.voltage.nominal": "230",
        "battery.voltage.nominal": "12",
        "battery.type": "PbAc",
    },
}
WATTS = {"rack@closet": 240.0, "desk@closet": 90.0, "garage": 172.0}


HOURLY = (
    *("ups", "hour_at", "samples", "covered_s", "on_battery_s", "trim_s", "boost_s", "wh", "watts_rule"),
    *(f"{figure}_{part}" for figure in FIGURES for part in ("min", "avg", "max")),
)


class Sample(NamedTuple):
    """A row of `ups_samples`."""

    sampled_at: str
    ups: int
    ups_status: str
    input_voltage: float
    input_frequency: float
    output_voltage: float
    battery_charge: int
    battery_voltage: float
    battery_runtime: int | None
    ups_load: int
    ups_temperature: float | None
    watts: float
    watts_rule: str


FIGURE_PLACES = [Sample._fields.index(figure) for figure in FIGURES]


class House:
    """Write history up to `now`: samples every `step` seconds over `days`, 10 s apart on battery."""

    def __init__(self, path, days=3, step=60, timezone="UTC", now=None, seed=1):
        self.connection = connect(path)
        self.now = now or time.time()
        self.start = self.now - days * 86_400
        self.step, self.clock = step, LocalTime(timezone)
        draw = random.Random(seed)
        self.noise = itertools.cycle([draw.gauss(0, 1) for _ in range(997)]).__next__
        self.events = []
        self.samples = {}  # ups -> [(at, watts, status)]

    def write(self, outages=(), gaps=(), stale=(), lost=(), open_outage=None):
        """Write the history of all UPSes.

        `outages` are (hours before now, seconds, names), `gaps` are (hours before now, seconds), `stale` are
        names of UPSes and `lost` names of sources.
        """
        self.connection.execute("begin")
        for source, kind, address in (
            ("closet", "nut", "127.0.0.1:3493"),
            ("garage", "must", "/dev/ttyUSB0"),
        ):
            state, detail = ("lost", "refused: connection refused") if source in lost else ("connected", "")
            self.connection.execute(
                """insert into ingest_status
                (source, kind, address, state, detail, since_at, heartbeat_at, received)
                values (?, ?, ?, ?, ?, ?, ?, 812)""",
                (
                    source,
                    kind,
                    address,
                    state,
                    detail,
                    format_utc(self.now - 600),
                    format_utc(self.now + HEARD_S),
                ),
            )
        for number, name in enumerate(UPSES, 1):
            self._write_ups(number, name, outages, gaps, name in stale, lost, open_outage)
        self.connection.executemany(
            "insert into events (started_at, event, ups, ended_at, detail, figures, complete) "
            "values (?, ?, ?, ?, ?, ?, ?)",
            sorted(self.events),
        )
        self.connection.execute("commit")
        self.connection.close()
        return self

    def _write_ups(self, number, name, outages, gaps, stale, lost, open_outage):
        source = name.partition("@")[2] or name
        end = self.now - 1200 if stale or source in lost else self.now
        mine = [(self.now - hours * 3600, seconds) for hours, seconds, names in outages if name in names]
        if open_outage and name in open_outage[1]:
            mine.append((self.now - open_outage[0], open_outage[0] + 60))
        unseen = [(self.now - hours * 3600, self.now - hours * 3600 + seconds) for hours, seconds in gaps]
        values = VARIABLES[name]
        self.connection.execute(
            """insert into ups
            (id, name, driver, source, address, label, mfr, model, serial, realpower_nominal, first_seen_at)
            values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                number,
                name,
                "nut" if "@" in name else "must",
                source,
                source,
                name.partition("@")[0].capitalize(),
                values["ups.mfr"],
                values["ups.model"],
                values.get("ups.serial"),
                float(values.get("ups.realpower.nominal", 0)) or None,
                format_utc(self.start),
            ),
        )
        times, rows = [], []
        for at, outage in self._moments(end, mine):
            if at == end or not any(s < at < e for s, e in unseen):
                times.append(round(at * 1e6) // 1000 / 1000)  # as format_utc() cuts it
                rows.append(self._sample(name, number, at, outage))
        self.connection.executemany(
            f"insert into ups_samples ({', '.join(Sample._fields)}) "
            f"values ({', '.join('?' * len(Sample._fields))})",
            rows,
        )
        self.samples[name] = [(at, row.watts, row.ups_status) for at, row in zip(times, rows, strict=True)]
        self._hours(number, times, rows)
        for start, seconds in mine:
            self._outage(number, name, start, min(seconds, self.now - start), start + seconds > self.now)
        self._variables(number, rows[-1], values)
        last = rows[-1]
        outcome = "stale" if stale else "refused" if source in lost else "ok"
        self.connection.execute(
            "update ups set status = ?, status_at = ?, last_sample_at = ?, outcome = ?, outcome_at = ? "
            "where id = ?",
            (
                last.ups_status,
                last.sampled_at,
                last.sampled_at,
                outcome,
                format_utc(self.now),
                number,
            ),
        )
        words = {
            "stale": "the driver runs but has lost the UPS: check its USB or serial cable",
            "refused": "connection refused",
        }
        polls = [(format_utc(self.start), format_utc(end), len(rows), "ok", "")]
        if outcome != "ok":
            polls.append((format_utc(end + 10), format_utc(self.now), 119, outcome, words[outcome]))
            self._event(number, "COMMBAD", end + 10, None, f"device: {words[outcome]}", {"outcome": outcome})
        self.connection.executemany(
            "insert into polls (ups, started_at, ended_at, count, outcome, detail) "
            f"values ({number}, ?, ?, ?, ?, ?)",
            polls,
        )

    def _moments(self, end, outages):
        """(at, the outage at that time as (start, seconds) or None), up to `end`, which is the last."""
        at = self.start
        while at <= end:
            outage = next(((s, d) for s, d in outages if s <= at < s + d), None)
            yield at, outage
            ahead = min((s for s, _ in outages if s > at), default=end + 1)
            at = min(at + (10 if outage else self.step), max(ahead, at + 0.5))
            if outage and at > outage[0] + outage[1]:
                at = outage[0] + outage[1]
        yield end, next(((s, d) for s, d in outages if s <= end < s + d), None)

    def _sample(self, name, number, at, outage):
        noise = self.noise
        day = (at % 86_400) / 86_400
        watts = WATTS[name] * (1 + 0.15 * (0.3 < day < 0.9)) + 4 * noise()
        left = max(4.0, 100 - (at - outage[0]) / 40) if outage else 100.0
        return Sample(
            format_utc(at),
            number,
            "OL" if not outage else "OB LB" if left < 15 else "OB DISCHRG",
            0.0 if outage else round(231 + 3 * (day - 0.5) + 1.2 * noise(), 1),
            0.0 if outage else round(50 + 0.02 * noise(), 2),
            round(230 + 0.5 * noise(), 1),
            round(left),
            round(11.2 + left / 100 * 2.4, 2),
            None if name == "garage" else round(left * 36),
            round(watts / 12),
            round(29 + 4 * day + 0.2 * noise(), 1) if name != "desk@closet" else None,
            round(watts, 1),
            "measured" if name == "garage" else "load x nominal W",
        )

    def _hours(self, number, times, rows):
        hour_at = [self.clock.day_and_hour(at)[1] for at in times]
        covered, battery, wh = Counter(), Counter(), Counter()
        for place in range(1, len(rows)):
            before, at, old, new = times[place - 1], times[place], rows[place - 1], rows[place]
            if at - before > 3 * self.step:
                continue
            start = before
            while start < at:
                stop = min(at, (start // 900 + 1) * 900)
                hour = hour_at[place - 1] if start == before else self.clock.day_and_hour(start)[1]
                share = ((start + stop) / 2 - before) / (at - before)
                covered[hour] += stop - start
                wh[hour] += (old.watts + (new.watts - old.watts) * share) * (stop - start) / 3600
                battery[hour] += (stop - start) * ("OB" in old.ups_status)
                start = stop
        found = []
        for hour, group in itertools.groupby(zip(hour_at, rows, strict=True), key=lambda one: one[0]):
            columns = list(zip(*(row for _, row in group), strict=True))
            parts = []
            for place in FIGURE_PLACES:
                values = [value for value in columns[place] if value is not None]
                parts += [min(values), sum(values) / len(values), max(values)] if values else [None] * 3
            rates = (covered[hour], battery[hour], 0, 120 * (number == 2), wh[hour], "x")
            found.append((number, hour, len(columns[0]), *rates, *parts))
        self.connection.executemany(
            f"insert into ups_samples_hourly ({', '.join(HOURLY)}) values ({', '.join('?' * len(HOURLY))})",
            found,
        )

    def _event(self, number, event, start, end, detail="", figures=None, complete=1):
        self.events.append(
            (
                format_utc(start),
                event,
                number,
                end and format_utc(end),
                detail,
                json.dumps(figures or {}),
                complete,
            )
        )

    def _outage(self, number, name, start, seconds, open_):
        charge = round(max(4.0, 100 - seconds / 40))
        figures = {
            "seconds": seconds,
            "covered_s": seconds,
            "samples": int(seconds / 10),
            "missed_polls": 0,
            "low_battery": int(charge < 15),
            "charge_start": 100,
            "charge_end": charge,
            "lowest_charge": charge,
            "wh": round(WATTS[name] * seconds / 3600, 3),
            "watts_avg": WATTS[name],
            "load_avg": round(WATTS[name] / 12),
            "lowest_input_voltage": 0.0,
            "lowest_battery_voltage": round(11.2 + charge / 100 * 2.4, 2),
        }
        if name != "garage":
            figures["predicted_runtime_s"] = 3600
        self._event(number, "ONBATT", start, None if open_ else start + seconds, "", figures)
        if charge < 15:
            self._event(number, "LOWBATT", start + 85 * 40, None if open_ else start + seconds)

    def _variables(self, number, last, values):
        reported = dict(values)
        for figure in (
            "input_voltage",
            "output_voltage",
            "battery_charge",
            "battery_voltage",
            "battery_runtime",
            "ups_load",
        ):
            if (value := getattr(last, figure)) is not None:
                reported[figure.replace("_", ".")] = f"{value:g}"
        reported["ups.status"] = last.ups_status
        for variable, value in reported.items():
            number_ = float(value) if value.replace(".", "", 1).isdigit() else None
            self.connection.execute(
                "insert into ups_variables (ups, variable, value, number, changed_at) values (?, ?, ?, ?, ?)",
                (number, variable, value, number_, last.sampled_at),
            )


KEPT, FRESH_S = 4, 10.0  # files; how old the history of a site may be when its test begins
_kept = {}  # options -> (monotonic seconds, House, content of its file)


def write_house(path, days, step, timezone="UTC", now=None, **history):
    """A new file at `path` with the history of a House, which a test just before may have had written."""
    key = repr((days, step, timezone, now, history))
    if key in _kept and (now is not None or time.monotonic() - _kept[key][0] < FRESH_S):
        path.write_bytes(_kept[key][2])
        return _kept[key][1]
    new_database(path)
    house = House(path, days, step, timezone, now).write(**history)
    if len(_kept) == KEPT:
        _kept.clear()
    _kept[key] = time.monotonic(), house, path.read_bytes()
    return house


def add_tariffs(path, *rows):
    """Rows of (valid_from, valid_to, hours, days, price_per_kwh, currency)."""
    connection = connect(path)
    connection.executemany(
        "insert into tariffs (valid_from, valid_to, hours, days, price_per_kwh, currency) "
        "values (?, ?, ?, ?, ?, ?)",
        rows,
    )
    connection.close()


def rows(site, name, **params):
    response = site.get(f"/telemetry/{name}.json", params={"_shape": "array", "_size": "max", **params})
    assert response.status_code == 200, response.text
    return response.json()


def integral(samples, step, price=None):
    """(kWh, money, covered seconds) of all pairs of samples, integrated in slices of 5 to 10 s."""
    wh = money = covered = 0.0
    for (start, first, _), (end, last, _) in itertools.pairwise(samples):
        if end - start > 3 * step:
            continue
        covered += end - start
        slices = max(1, int((end - start) // 5))
        for number in range(slices):
            middle = (number + 0.5) / slices
            part = (first + (last - first) * middle) * (end - start) / slices / 3600
            wh += part
            money += part / 1000 * price(start + (end - start) * middle) if price else 0
    return wh / 1000, money, covered
