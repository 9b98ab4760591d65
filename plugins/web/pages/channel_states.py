"""The states of a channel and of the other channels of its node, for its page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingest.db.time import parse_utc
from ingest.mysensors.protocol import SetReq
from ingest.mysensors.value_types import ValueKind, value_kind
from plugins.web.canned import run_query
from plugins.web.pages.behind import read_silences
from plugins.web.pages.series import state_channel
from plugins.web.query import Row, select
from plugins.web.site import Site
from reporting.charts import Chart, Interval, Timeline, TimelineData, draw_timeline
from reporting.state_charts import Report, StateChartData, draw_states, is_state
from reporting.state_spans import (
    StateChannel,
    StateTotal,
    by_channel,
    describe_totals,
    state_totals,
    timeline_row,
)
from reporting.time_range import TimeRange

OF_NODE = "select * from value_latest where node = ? order by child_id, type"
MOST_STATES = 6  # of a channel of texts; with more of them it says no states
TEXTS = ("V_TEXT", "V_CUSTOM")  # states that are drawn on no page but their own


@dataclass(frozen=True)
class States:
    """The states of a channel, and those of its node. `rows` are those of state_spans, the newest first."""

    rows: list[Row] | None
    totals: list[StateTotal]
    chart: Chart | None
    others: Timeline | None
    is_state: bool
    is_text: bool
    silent: list[Interval]
    span: TimeRange

    @property
    def unknown_s(self) -> float:
        """Seconds of the range for which nothing is known."""
        return self.span.until - self.span.since - sum(row["seconds"] for row in self.rows or [])

    @property
    def since_at(self) -> str:
        """Since when the present state holds; empty where that is before the range, or not known."""
        newest = self.rows[0] if self.rows else None
        if newest is None or self.span.until - parse_utc(newest["ended_at"]) > 1:
            return ""
        return newest["started_at"] if parse_utc(newest["started_at"]) > self.span.since + 1 else ""

    @property
    def total(self) -> str:
        """What was not quiet: `open 41 min, 7 times`."""
        return describe_totals(self.totals)


async def read_states(site: Site, row: Row, span: TimeRange) -> States:
    """The states of the node of a channel; its own, too, where it is one or has texts."""
    params = span.utc_params
    holds, is_text = is_state(row["type"], row["sensor_type"]), _is_text(row)
    own: list[Row] | None = []
    if holds or is_text:
        own = await run_query(site, "state_spans", channel=str(row["id"]), **params)
    if is_text and len({one["text"] for one in own or []}) > MOST_STATES:
        holds = False
    silent = await read_silences(site, row["node"], span)
    channels = await select(site, OF_NODE, [row["node"]])
    described = {one["id"]: state_channel(one, silent) for one in channels or []}
    of_node = await run_query(site, "state_spans", node=str(row["node"]), **params)
    return States(
        own,
        state_totals(own or [], described[row["id"]]),
        _draw_own(site, row, own or [], described[row["id"]], span) if holds else None,
        _draw_others(site, row["id"], of_node or [], described, span),
        holds,
        is_text,
        silent,
        span,
    )


def _is_text(row: Row) -> bool:
    """Whether a channel has texts, and not numbers."""
    kind = value_kind(row["id"] % 256)
    return kind in (ValueKind.TEXT, ValueKind.COLOUR) or (kind is ValueKind.FREE and row["value"] is None)


def _draw_others(
    site: Site, own: int, found: Sequence[Row], described: Mapping[int, StateChannel], span: TimeRange
) -> Timeline | None:
    """The other states of the node, which are no texts."""
    rows = by_channel(found)
    shown = [id for id, one in described.items() if id in rows and id != own and one.type not in TEXTS]
    drawn = [timeline_row(rows[id], described[id], number) for number, id in enumerate(shown, 1)]
    data = TimelineData("Switches of this node", drawn, span.since, span.until)
    return draw_timeline(data, site.timezone)


def _draw_own(
    site: Site, row: Row, rows: Sequence[Row], channel: StateChannel, span: TimeRange
) -> Chart | None:
    """A band of states; a setting in numbers as a line with steps."""
    kind = value_kind(SetReq[row["type"]])
    if kind is ValueKind.NUMBER and {one["text"] for one in rows} - {"0", "1", None}:
        reports = [_report(one) for one in reversed(rows)]
        data = StateChartData(
            channel.label, row["type"], row["unit"] or "", reports, channel.silent, span.since, span.until
        )
        return draw_states(data, site.timezone)
    one = timeline_row(rows, channel._replace(href=""))
    return draw_timeline(TimelineData(channel.label, [one], span.since, span.until), site.timezone)


def _report(row: Row) -> Report:
    """A row of state_spans as the report that began it."""
    text = "" if row["mixed"] else row["text"]
    try:
        return Report(parse_utc(row["started_at"]), text, float(text))
    except ValueError:
        return Report(parse_utc(row["started_at"]), "", None)
