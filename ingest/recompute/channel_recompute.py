"""The readings of one channel, read again by the present rules: what counts, and what number a text is.

Only hours with a reading that may be wrong are read; each is written in a short transaction with its figures,
then the channel's last value. After a kill it goes on behind the last hour, with the same outcome. What a
user has marked stays.
"""

import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from ingest.db.batches import BatchRunner, StoppedError, interruptible
from ingest.db.time import LocalTime, parse_utc
from ingest.mysensors.anomalies import POSSIBLE, UsualRange
from ingest.mysensors.reading_marks import ReadingMark, apply_marks, follow_marks, hour_end, mark_hour
from ingest.mysensors.sensor_errors import ERROR_CODES, MEASURED
from ingest.mysensors.value_types import NUMBERS, ValueKind, parse_value, value_kind
from ingest.mysensors.verdicts import COUNTS, ReadingRule, Verdict
from ingest.schema.sql_fragments import NOW

CONTEXT = 200  # readings before an hour that its rule learns from: as many as a usual range remembers
# SQL: what reads as a number by its looks alone (`value_types.FREE_NUMBER`), and what is marked.
LOOKS_LIKE_AN_ID = (
    "wrong is not null or (value is not null and (text glob '*[eE]*' or text glob '0[0-9]*' "
    "or text glob '[+-]0[0-9]*' or length(text) > 15))"
)
IN_TIME = "order by received_at, id"
READ = "select id, received_at, value, text, wrong, marked_by from readings where channel = ? "


class StoredReading(NamedTuple):
    """A row of `readings`."""

    id: int
    at: str
    value: float | None
    text: str
    wrong: str | None
    marked_by: str | None


class Reread(NamedTuple):
    """A reading, and what it is by the present rules."""

    reading: StoredReading
    value: float | None
    wrong: str | None


def pending_channels(connection: sqlite3.Connection) -> list[int]:
    """The channels that are not done."""
    rows = connection.execute(
        "select channel from channel_recomputations where ended_at is null order by channel"
    )
    return [channel for (channel,) in rows]


class ChannelRecompute:
    """One channel; `rest`: the pause after an hour, as a multiple of the time that it took."""

    def __init__(self, runner: BatchRunner, channel: int, clock: LocalTime, rest: float) -> None:
        self._runner, self._connection, self._channel = runner, runner.connection, channel
        self._clock, self._rest = clock, rest

    def run(self) -> None:
        """Do all of it. Raises StoppedError."""
        found = self._connection.execute(
            "select c.type, c.type_name, s.type, c.usual, c.spread, r.done_to "
            "from channel_recomputations r join channels c on c.id = r.channel "
            "join sensors s on s.id = c.sensor where r.channel = ?",
            (self._channel,),
        ).fetchone()
        if found is None:  # deleted meanwhile
            return
        self._type, self._type_name, self._sensor_type, *usual, done_to = found
        if self._type in MEASURED or value_kind(self._type) in (ValueKind.TEXT, ValueKind.COLOUR):
            self._mark_hours(UsualRange(usual[0], usual[1], CONTEXT))
        while hour := self._next_hour(done_to):
            began = time.monotonic()
            self._do_hour(hour)
            done_to = hour
            if self._runner.stop.wait(self._rest * (time.monotonic() - began)):
                raise StoppedError
        self._runner.locked(self._end)

    def _next_hour(self, done_to: str) -> str | None:
        """The next hour with a reading that may be wrong, or be another number."""
        after = hour_end(done_to) if done_to else ""
        with interruptible(self._connection, self._runner.stop):
            row = self._connection.execute(
                "select received_at from readings where channel = ? and received_at >= ? "
                f"and ({self._suspicious()}) order by received_at limit 1",
                (self._channel, after),
            ).fetchone()
        self._connection.set_progress_handler(None, 0)
        return self._hour_of(row[0]) if row else None

    def _suspicious(self) -> str:
        """SQL: true for readings that the present rules may take for something else."""
        if self._type not in NUMBERS:
            is_free = value_kind(self._type) is ValueKind.FREE
            return LOOKS_LIKE_AN_ID if is_free else "value is not null or wrong is not null"
        if self._type not in MEASURED:
            return "wrong is not null"
        conditions = ["value is null", "wrong is not null"]
        if self._type in POSSIBLE:
            low, high = POSSIBLE[self._type]
            conditions.append(f"value < {low!r} or value > {high!r}")
        codes = ", ".join(repr(float(code)) for code in ERROR_CODES[self._type])
        return " or ".join([*conditions, f"value in ({codes})"])

    def _hour_of(self, at: str) -> str:
        return self._clock.day_and_hour(parse_utc(at))[1]

    def _do_hour(self, hour_at: str) -> None:
        by_hour: dict[str, list[ReadingMark]] = defaultdict(list)
        for reading, value, wrong in self._read_again(hour_at):
            if (value, wrong) != (reading.value, reading.wrong):
                change = int(reading.wrong is not None) - int(wrong is not None)
                by_hour[self._hour_of(reading.at)].append(ReadingMark(reading.id, value, wrong, change))
        for hour, marks in sorted(by_hour.items()):
            self._runner.locked(partial(self._write, hour, marks))
        self._runner.locked(partial(self._advance, hour_at))

    def _read_again(self, hour_at: str) -> list[Reread]:
        """The readings of an hour, and those before that they cast doubt on."""
        rule = self._rule_before(hour_at)
        found: dict[int, Reread] = {}
        for reading in self._read(
            f"and received_at >= ? and received_at < ? {IN_TIME}", hour_at, hour_end(hour_at)
        ):
            number = parse_value(self._type, reading.text)
            if reading.marked_by is not None:
                if reading.wrong is None and number is not None:
                    rule.last = number
                continue
            held = rule.usual.value
            wrong, _, doubts = self._assess(rule, number, reading.text)
            if doubts and held is not None:
                found |= self._doubted(held, reading.at)
            found[reading.id] = Reread(reading, number, wrong)
        return [*(found | self._doubted_later(rule, hour_end(hour_at))).values()]

    def _assess(self, rule: ReadingRule, number: float | None, text: str) -> Verdict:
        return rule.assess(number, text, self._sensor_type) if rule.is_needed else COUNTS

    def _doubted_later(self, rule: ReadingRule, at: str) -> dict[int, Reread]:
        """What the first other reading behind an hour casts doubt on, where all before are one error code."""
        held = rule.usual.value
        if held is None or rule.usual.spread or held not in ERROR_CODES.get(self._type, {}):
            return {}
        others = self._read(
            f"and received_at >= ? and wrong is null and value <> ? {IN_TIME} limit 1", at, held
        )
        if not others:
            return {}
        doubts = rule.assess(others[0].value, others[0].text, self._sensor_type).doubts
        return self._doubted(held, others[0].at) if doubts else {}

    def _rule_before(self, hour_at: str) -> ReadingRule:
        """The rule as the readings before an hour have taught it."""
        rule = ReadingRule(self._type, self._type_name, UsualRange())
        before = self._read(
            "and received_at < ? and wrong is null order by received_at desc, id desc limit ?",
            hour_at,
            CONTEXT,
        )
        for reading in reversed(before):
            self._assess(rule, reading.value, reading.text)
        return rule

    def _doubted(self, held: float, at: str) -> dict[int, Reread]:
        """All readings before `at`, if every one that counts is `held`: they were errors."""
        others = self._read("and received_at < ? and wrong is null and value <> ? limit 1", at, held)
        if others:
            return {}
        reason = f"{held:.10g} is {ERROR_CODES[self._type][held].source}: the readings after it are others"
        same = self._read("and received_at < ? and marked_by is null and value = ?", at, held)
        return {reading.id: Reread(reading, reading.value, reason) for reading in same}

    def _read(self, condition: str, *values: object) -> list[StoredReading]:
        rows = self._connection.execute(READ + condition, (self._channel, *values))
        return [StoredReading(*row) for row in rows]

    def _mark_hours(self, usual: UsualRange) -> None:
        """Mark the hours without readings whose least or greatest value cannot be."""
        first = self._connection.execute(
            "select received_at from readings where channel = ? order by received_at limit 1",
            (self._channel,),
        ).fetchone()
        rows = self._connection.execute(
            "select hour_at, min, avg, max from readings_hourly where channel = ? and hour_at < ? "
            "and wrong is null and min is not null order by hour_at",
            (self._channel, self._hour_of(first[0]) if first else "9"),
        ).fetchall()
        wrong = [(hour, reason) for hour, *figures in rows if (reason := self._impossible(figures, usual))]

        def mark(size: int) -> bool:
            batch = wrong[:size]
            del wrong[:size]
            if batch:
                self._runner.locked(lambda: self._mark_batch(batch))
            return bool(wrong)

        if wrong:
            self._runner.run(mark)

    def _impossible(self, figures: Iterable[float], usual: UsualRange) -> str | None:
        low, average, high = figures
        if self._type not in NUMBERS:
            return f"{self._type_name} is no number; its readings are pruned"
        for extreme in (low, high):
            rule = ReadingRule(
                self._type, self._type_name, UsualRange(usual.value, usual.spread, usual.count), average
            )
            if reason := rule.assess(extreme, f"{extreme:.10g}", self._sensor_type).wrong:
                return f"{reason.partition(':')[0]}; its readings are pruned"
        return None

    # Inside an open transaction.

    def _mark_batch(self, hours: list[tuple[str, str]]) -> None:
        for hour_at, reason in hours:
            mark_hour(self._connection, self._channel, hour_at, reason)
        self._count(not_recomputed=len(hours))

    def _write(self, hour_at: str, marks: list[ReadingMark]) -> None:
        is_whole = apply_marks(self._connection, self._channel, hour_at, marks)
        self._count(readings=len(marks), hours=int(is_whole), not_recomputed=int(not is_whole))

    def _advance(self, hour_at: str) -> None:
        self._connection.execute(
            "update channel_recomputations set done_to = ? where channel = ?", (hour_at, self._channel)
        )

    def _count(self, **counts: int) -> None:
        columns = ", ".join(f"{name} = {name} + {count}" for name, count in counts.items())
        self._connection.execute(
            f"update channel_recomputations set {columns} where channel = ?", (self._channel,)
        )

    def _end(self) -> None:
        changed, value, text = self._connection.execute(
            "select r.readings, c.value, c.text from channel_recomputations r "
            "join channels c on c.id = r.channel where r.channel = ?",
            (self._channel,),
        ).fetchone()
        rule = ReadingRule(self._type, self._type_name, UsualRange())
        if changed or (text is not None and self._assess(rule, value, text).wrong):
            follow_marks(self._connection, self._channel)
        self._connection.execute(
            f"update channel_recomputations set ended_at = {NOW} where channel = ?", (self._channel,)
        )
