"""One mains outage as its page tells it: what each UPS did, what happened when, and charts of it. Pure.

Rows are those of the views outages and ups_events, and of the canned query outage_minutes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from ingest.db.time import parse_utc
from ingest.ups.battery_health import Discharge, exclusion_reason
from reporting.canned_queries import Row
from reporting.charts import ChartSeries, Interval, LineChartData, Point
from reporting.formatting import NARROW_SPACE, format_figure
from reporting.outages import MainsOutage
from reporting.ups_answer import NO_BREAK_SPACE, whole_minutes

FIGURES = (  # column of outage_minutes, title, unit, what the axis begins at
    ("battery_charge", "Battery charge", "%", None),
    ("watts", "Load", "W", 0.0),
    ("input_voltage", "Mains voltage", "V", 0.0),
    ("battery_voltage", "Battery voltage", "V", None),
    ("output_voltage", "Output voltage", "V", None),
    ("battery_runtime", "Predicted runtime", "min", 0.0),
)
DIVISORS = {"battery_runtime": 60.0}
SHARE = 100.0
ONBATT = "ONBATT"
AROUND_S = 60  # before and after an outage, in which an event of its UPSes belongs to it


class Carried(NamedTuple):
    """How long a full battery would have lasted in an outage, and what was predicted, in seconds."""

    row: Row
    pace_s: float
    predicted_s: float

    @property
    def kept(self) -> float:
        """The first in per cent of the second."""
        return round(SHARE * self.pace_s / self.predicted_s, 1)


@dataclass(frozen=True)
class OutagePart:
    """What one UPS did in a mains outage: its row of `outages`, and where it lies in the whole, in per cent.

    `pace_s` is how long a full battery would have lasted at this pace, `why_not` why that is not known.
    """

    row: Row
    label: str
    offset: float
    share: float
    pace_s: float | None
    why_not: str | None

    @property
    def carried(self) -> Carried | None:
        """The real runtime beside the predicted one."""
        return carried(self.row)


class OwnOutage(NamedTuple):
    """A row of `outages`, its length in per cent of the longest one shown, and what happened in it."""

    row: Row
    share: float
    moments: list["StoryLine"]


class StoryLine(NamedTuple):
    """Something that began or ended at a time, at some UPSes: labels by name."""

    at: str
    text: str
    detail: str
    upses: Mapping[str, str]
    event: int  # a row of `events`


def outage_parts(outage: MainsOutage, rows: Iterable[Row], labels: Mapping[str, str]) -> list[OutagePart]:
    """The parts of a mains outage in order of their start."""
    whole = max(outage.seconds, 1.0)
    return [
        OutagePart(
            row,
            labels.get(row["name"], row["name"]),
            round(SHARE * (parse_utc(row["started_at"]) - outage.start) / whole, 2),
            round(SHARE * row["seconds"] / whole, 2),
            *_pace(row),
        )
        for row in sorted(rows, key=lambda row: (row["started_at"], row["ups"]))
    ]


def _pace(row: Row, watts: float | None = None) -> tuple[float | None, str | None]:
    discharge = Discharge(
        row["started_at"],
        bool(row["complete"]),
        row["covered_s"] or 0.0,
        row["samples"] or 0,
        row["watts_avg"],
        row["charge_start"],
        row["lowest_charge"],
        row["predicted_runtime_s"],
        row["seconds_to_low"],
    )
    reason = "it goes on" if row["ended_at"] is None else exclusion_reason(discharge, watts)
    return (None, reason) if reason else (discharge.full_charge_s, None)


def carried(row: Row, watts: float | None = None) -> Carried | None:
    """The real runtime beside the predicted one; None for a discharge that shows too little.

    With `watts`, a load that is far from it shows nothing either.
    """
    pace, _ = _pace(row, watts)
    return Carried(row, pace, row["predicted_runtime_s"]) if pace and row["predicted_runtime_s"] else None


def tell(events: Iterable[Row], labels: Mapping[str, str]) -> list[StoryLine]:
    """What happened, in order of time; the same at the same second at several UPSes is one."""
    found: list[tuple[str, str, str, str, int]] = []
    for row in events:
        on_battery = row["event"] == ONBATT
        begun = "on battery" if on_battery else row["words"]
        found.append((row["started_at"], begun, "" if on_battery else row["detail"], row["name"], row["id"]))
        if row["ended_at"]:
            ended = "back on mains" if on_battery else f"over: {row['words']}"
            found.append((row["ended_at"], ended, "", row["name"], row["id"]))
    found.sort(key=lambda one: (one[0][:19], one[1], one[4]))
    moments = []
    for (_, text), group in groupby(found, key=lambda one: (one[0][:19], one[1])):
        same = list(group)
        details = {one[2] for one in same}
        upses = {one[3]: labels.get(one[3], one[3]) for one in same}
        moments.append(
            StoryLine(same[0][0], text, details.pop() if len(details) == 1 else "", upses, same[0][4])
        )
    return moments


def outage_charts(
    outage: MainsOutage, rows: Sequence[Row], labels: Mapping[str, str], upses: Sequence[int] = ()
) -> list[LineChartData]:
    """A chart of each figure that any UPS reports, from rows of outage_minutes, oldest first.

    `upses` are the keys of all UPSes: each has the same style on every page.
    """
    numbers = {ups: place for place, ups in enumerate(upses, 1)}
    if not rows:
        return []
    since, until = min(outage.start, parse_utc(rows[0]["at"])), parse_utc(rows[0]["until_at"])
    if outage.ended_at:  # nothing more comes: the chart ends with the data
        until = max(outage.end, parse_utc(rows[-1]["at"]) + rows[-1]["bucket_s"])
    shaded = [Interval(outage.start, min(outage.end, until))]
    charts = []
    for column, title, unit, floor in FIGURES:
        series = [
            ChartSeries(
                labels.get(member.name, member.name),
                _points(rows, member.ups, column),
                numbers.get(member.ups, 0),
            )
            for member in outage.members
        ]
        if any(one.points for one in series):
            data = LineChartData(title, unit, series, since, until, shaded, floor=floor)
            charts.append(data)
    return charts


def _points(rows: Iterable[Row], ups: int, column: str) -> list[Point]:
    divisor = DIVISORS.get(column)
    return [
        Point(
            parse_utc(row["at"]) + row["bucket_s"] / 2,
            *[round(row[column] / divisor, 1) if divisor else row[column]] * 3,
        )
        for row in rows
        if row["ups"] == ups and row[column] is not None
    ]


def own_outages(rows: Sequence[Row], events: Sequence[Row]) -> tuple[list[OwnOutage], list[Row]]:
    """The outages of one UPS with their events, and the events that belong to none of them.

    `rows` are those of the view outages, `events` of ups_events. What began while it was on battery, or up to
    a minute before and after, is a part of the outage.
    """
    longest = max((row["seconds"] for row in rows), default=0.0) or 1.0
    free = [event for event in events if event["event"] != ONBATT]
    found = []
    for row in rows:
        start = parse_utc(row["started_at"])
        span = Interval(start - AROUND_S, start + row["seconds"] + AROUND_S)
        inside = [event for event in free if span.start <= parse_utc(event["started_at"]) <= span.end]
        free = [event for event in free if event not in inside]
        own = {**row, "event": ONBATT, "words": ""}
        found.append(OwnOutage(row, round(SHARE * row["seconds"] / longest, 2), tell([own, *inside], {})))
    return found, free


def describe_outage(outage: MainsOutage, labels: Mapping[str, str]) -> str:
    """What it was, as a sentence or two."""
    length = whole_minutes(outage.seconds)
    one = labels.get(outage.members[0].name, outage.members[0].name)
    if len(outage.members) > 1:
        what = f"{length} without mains" if outage.ended_at else f"No mains for {length}"
    elif outage.ended_at:
        what = f"{one} was on battery for {length}"
    else:
        what = f"{one} is on battery for {length}"
    if outage.lowest_charge is None:
        return f"{what}."
    lowest = format_figure(outage.lowest_charge, "%").replace(NARROW_SPACE, NO_BREAK_SPACE)
    return f"{what}. Lowest charge {lowest}."
