"""States over time: rows of the canned query state_spans as a timeline with totals. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ingest.db.time import parse_utc
from reporting.canned_queries import Row
from reporting.charts import Interval, StateSpan, TimelineRow
from reporting.formatting import format_length, plural
from reporting.message_text import format_value

QUIET = frozenset(("0", "Off", "off", ""))  # payloads that are drawn as the track
SEVERAL = "several states"  # of an hour of which only the least and the greatest are kept
STYLES = 6
MOST_TOTALS = 2
MOST_SPANS = 600  # of a row


class StateTotal(NamedTuple):
    """How long a state lasted in all, and how often it began."""

    text: str
    word: str
    seconds: float
    times: int

    @property
    def length(self) -> str:
        """Its length as text."""
        return format_length(self.seconds)


class StateChannel(NamedTuple):
    """A channel whose states are drawn: its label, symbols and page, and the spans in which it was silent."""

    label: str
    type: str
    sensor_type: str
    href: str = ""
    silent: Sequence[Interval] = ()

    def word(self, row: Row) -> str:
        """The state of a row of state_spans."""
        return SEVERAL if row["mixed"] else format_value(row["text"], "", self.type, self.sensor_type)


def state_totals(rows: Iterable[Row], channel: StateChannel) -> list[StateTotal]:
    """The states of one channel, the longest first; rows of state_spans."""
    found: dict[str, StateTotal] = {}
    for row in rows:
        text = "" if row["mixed"] else row["text"]
        _, word, seconds, times = found.get(text, StateTotal(text, channel.word(row), 0.0, 0))
        found[text] = StateTotal(text, word, seconds + row["seconds"], times + 1)
    return sorted(found.values(), key=lambda total: -total.seconds)


def describe_totals(totals: Sequence[StateTotal]) -> str:
    """`open 41 min, 7 times`: what was not quiet; of more than one such state, the longest."""
    loud = [total for total in totals if total.text not in QUIET]
    if len(loud) == 1 and len(totals) <= MOST_TOTALS:
        return f"{loud[0].word} {loud[0].length}, {plural(loud[0].times, 'time')}"
    return ", ".join(f"{total.word} {total.length}" for total in (loud or totals)[:MOST_TOTALS])


def timeline_row(rows: Sequence[Row], channel: StateChannel, number: int = 1) -> TimelineRow:
    """The states of one channel, rows of state_spans, the newest first; `number` is the first style."""
    totals = state_totals(rows, channel)
    loud = sorted(total.text for total in totals if total.text not in QUIET)
    styles = {text: (number - 1 + place) % STYLES + 1 for place, text in enumerate(loud)}
    spans = [
        StateSpan(
            parse_utc(row["started_at"]),
            parse_utc(row["ended_at"]),
            channel.word(row),
            styles.get("" if row["mixed"] else row["text"], 0 if not row["mixed"] else STYLES),
        )
        for row in reversed(rows)
    ]
    return TimelineRow(
        channel.label, merge_short(spans), describe_totals(totals), channel.href, channel.silent
    )


def merge_short(spans: Sequence[StateSpan]) -> Sequence[StateSpan]:
    """At most MOST_SPANS: those too short to be told apart, beside each other, become several states."""
    shortest = (spans[-1].end - spans[0].start) / MOST_SPANS if spans else 0
    while len(spans) > MOST_SPANS:
        merged: list[StateSpan] = []
        for span in spans:
            last = merged[-1] if merged else None
            if last and last.end == span.start and _are_short(last, span, shortest):
                merged[-1] = StateSpan(last.start, span.end, SEVERAL, STYLES)
            else:
                merged.append(span)
        spans, shortest = merged, 2 * shortest
    return spans


def _are_short(last: StateSpan, span: StateSpan, shortest: float) -> bool:
    """Whether two spans are drawn as one."""
    is_merged = last.text == SEVERAL or last.end - last.start < shortest
    return is_merged and span.end - span.start < shortest


def by_channel(rows: Iterable[Row]) -> Mapping[int, list[Row]]:
    """The rows of each channel."""
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(row["channel"], []).append(row)
    return found
