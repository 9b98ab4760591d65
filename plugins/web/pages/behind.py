"""What stands behind the lines of a chart: outages, times without data, limits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ingest.config.thresholds import ThresholdSettings
from ingest.db.time import parse_utc
from plugins.web.query import Row, select
from plugins.web.site import Site
from reporting.charts import Interval, Limit
from reporting.formatting import format_figure
from reporting.time_range import TimeRange

MOST_EVENTS = 500  # outages and silences that are drawn
LEAST_SILENCE_S = 180  # of a UPS: a shorter pause between its polls is not drawn
MISSED_POLLS = 3  # and so many of its polls have to be missing
SILENCES = """select started_at, ended_at from events where event = 'NODE_SILENT' and node = :node
  and started_at < :until and coalesce(ended_at, '9') > :since order by started_at desc limit 500"""
OUTAGES = f"""select started_at, ended_at from events where event = 'ONBATT'
  and started_at < :until and coalesce(ended_at, '9') > :since and (:ups is null or ups = :ups)
  order by started_at desc limit {MOST_EVENTS}"""
# The run before the range says whether the UPS was read when it began.
ANSWERS = """select started_at, ended_at, count from polls where ups = :ups and outcome = 'ok'
  and started_at < :until and ended_at >= coalesce((select max(ended_at) from polls
    where ups = :ups and outcome = 'ok' and ended_at <= :since), '') order by started_at"""


@dataclass(frozen=True)
class Behind:
    """Outages, silences, and values that are marked."""

    shaded: Sequence[Interval] = ()
    silent: Sequence[Interval] = ()
    limits: Sequence[Limit] = ()
    mains: bool = False
    floor: float | None = None


def read_intervals(rows: Iterable[Row] | None, until: float) -> list[Interval]:
    """Rows with started_at and ended_at, what touches merged, oldest first."""
    spans = sorted(
        Interval(parse_utc(row["started_at"]), parse_utc(row["ended_at"]) if row["ended_at"] else until)
        for row in rows or []
    )
    merged: list[Interval] = []
    for span in spans:
        if merged and span.start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


async def read_outages(site: Site, span: TimeRange, ups: int | None = None) -> list[Interval]:
    """When a UPS, or any, was on battery."""
    return read_intervals(await select(site, OUTAGES, {"ups": ups, **span.utc_params}), span.until)


async def read_silences(site: Site, node: int, span: TimeRange) -> list[Interval]:
    """When a node was silent for longer than its limit."""
    return read_intervals(await select(site, SILENCES, {"node": node, **span.utc_params}), span.until)


async def read_unanswered(site: Site, ups: int, span: TimeRange) -> list[Interval]:
    """When a UPS answered no poll, or was not polled; from its first answer on."""
    return unanswered(await select(site, ANSWERS, {"ups": ups, **span.utc_params}) or [], span.until)


def unanswered(runs: Sequence[Row], until: float) -> list[Interval]:
    """The times between runs of answered polls, and after the last one up to `until`, unix seconds."""
    if not runs:
        return []
    paces = [
        (parse_utc(run["ended_at"]) - parse_utc(run["started_at"])) / (run["count"] - 1)
        for run in runs
        if run["count"] > 1
    ]
    least = max(LEAST_SILENCE_S, MISSED_POLLS * max(paces, default=0.0))
    answered = [*read_intervals(runs, until), Interval(until, until)]
    pauses = [Interval(before.end, after.start) for before, after in pairwise(answered)]
    return [pause for pause in pauses if pause.end - pause.start > least][-MOST_EVENTS:]


def channel_limits(site: Site, row: Row) -> list[Limit]:
    """The thresholds of a channel, a row of value_latest."""
    ref = f"{row['gateway']}/{row['node_id']}/{row['child_id']}/{row['type']}"
    return _limits([one for one in site.config.thresholds if one.channel == ref], row["unit"] or "")


def figure_limits(site: Site, ups: str, figure: str, unit: str) -> list[Limit]:
    """The thresholds of a figure of a UPS, a column of its samples."""
    own = [one for one in site.config.thresholds if (one.ups, one.figure) == (ups, figure)]
    return _limits(own, unit)


def _limits(thresholds: Iterable[ThresholdSettings], unit: str) -> list[Limit]:
    """Thresholds as lines: `frost: below 4 °C`."""
    return [
        Limit(f"{one.name}: {side} {format_figure(value, unit)}", value)
        for one in thresholds
        for side, value in (("above", one.above), ("below", one.below))
        if value is not None
    ]
