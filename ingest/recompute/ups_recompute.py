"""The recomputation of one UPS: its hours in order of time, in stretches, each in short transactions.

A stretch ends where no outage goes on. First its outages and hours are written, from what the samples were;
then the samples; then how far it is done. After a kill the stretch is done again, with the same outcome: what
is written is computed by the present rules from whatever the samples are by then.
"""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import pairwise
from statistics import median

from ingest.db.batches import BatchRunner
from ingest.db.time import format_utc, parse_utc
from ingest.recompute import store
from ingest.recompute.replay import Device, Replayed, Span, Step, outage_figures, replay
from ingest.recompute.store import NOT_RECOMPUTED, ChangedError, PendingUps, StoredOutage
from ingest.recompute.stored_samples import StoredSample, correct, most_watts, suspicious_sql
from ingest.ups.event_rows import EventRow, EventSpan, insert_events
from ingest.ups.limits import LEARNING_SAMPLES, InputVoltage
from ingest.ups.mains import PowerSource
from ingest.ups.measurement import measure
from ingest.ups.records import Event
from ingest.ups.settings import UpsSettings

SETTLED_S = 300.0  # an hour is left to its reader until so long after its end
HOURS, LONGEST_HOURS = 6, 168  # of a stretch; while an outage goes on
AHEAD = 200  # hours that are looked at together
CONTEXT = 100  # samples before a stretch: for the interval, the last ones for what went before
LEAD = 3
TAIL = 2_000  # samples behind the last stretch, for the end of an outage in it
USUAL_S = 60.0
SLACK_S = 60.0  # an outage that is stored may begin and end so far from what its samples show
FOUND_LATER = "found later, in the samples of that time"
# Figures of an outage that follow from samples; its times are those that were seen.
FROM_SAMPLES = (
    "wh",
    "metered_s",
    "watts_avg",
    "watts_rule",
    "load_avg",
    "lowest_charge",
    "lowest_battery_voltage",
    "lowest_input_voltage",
    "charge_start",
    "charge_end",
    "predicted_runtime_s",
    "low_battery",
    "seconds_to_low",
)


class UpsRecompute:
    """One UPS; `rest`: the pause after a stretch, as a multiple of the time that it took."""

    def __init__(
        self,
        runner: BatchRunner,
        ups: PendingUps,
        own: UpsSettings,
        hour_at: Callable[[float], str],
        rest: float,
    ) -> None:
        self._runner, self._connection = runner, runner.connection
        self._ups, self._hour_at, self._rest = ups, hour_at, rest
        self._own = own = replace(own, variables={})  # the columns of then are not corrected
        self._constants = store.constants_of(self._connection, ups.id)
        rating = measure(self._constants, own).rating
        self._condition, self._most_w = suspicious_sql(rating, own), most_watts(rating)
        self._nominal = self._learn_nominal()

    def _learn_nominal(self) -> float | None:
        """The nominal voltage of the mains, by the first samples on mains."""
        voltage = InputVoltage(self._own.limits)
        for sample in store.first_samples_on_mains(self._connection, self._ups.id, LEARNING_SAMPLES):
            figures = correct(sample, self._constants, self._own).measurement.figures
            voltage.add_sample(figures, on_mains=True)
        return voltage.nominal({})

    def run(self) -> float | None:
        """Do all that can be done now. None: it is done; else in how many seconds it can go on."""
        while hours := store.next_hours(self._connection, self._ups, AHEAD):
            settled = [hour for hour in hours if self._wait_for(hour) <= 0]
            if not settled:
                return self._wait_for(hours[0])
            began = time.monotonic()
            with suppress(ChangedError):
                self._do(settled)
            self._runner.stop.wait(self._rest * (time.monotonic() - began))
        self._mark_outages()
        self._runner.locked(lambda: store.save_end(self._connection, self._ups.id))
        return None

    @staticmethod
    def _wait_for(hour_at: str) -> float:
        return parse_utc(store.hour_end(hour_at)) + SETTLED_S - time.time()

    def _do(self, hours: list[str]) -> None:
        """Pass over hours that are right, and do the first stretch of those that may not be."""
        passed: list[str] = []
        stretch: list[str] = []
        for hour in hours:
            if store.is_suspicious(self._connection, self._ups.id, hour, self._condition):
                stretch.append(hour)
            elif stretch:
                break
            else:
                passed.append(hour)
            if len(stretch) == HOURS:
                break
        self._pass_over(passed)
        if stretch:
            self._do_stretch(stretch, hours[hours.index(stretch[0]) :])

    def _pass_over(self, hours: list[str]) -> None:
        """Mark those of these hours whose samples are gone; the others stay as they are."""
        left = list(hours)

        def mark(size: int) -> bool:
            batch = left[:size]
            del left[:size]
            if batch:
                self._runner.locked(lambda: self._mark_gone(batch))
            return bool(left)

        if left:
            self._runner.run(mark)

    def _mark_gone(self, hours: list[str]) -> None:
        gone = [hour for hour in hours if store.is_incomplete(self._connection, self._ups.id, hour)]
        for hour in gone:
            store.mark_hour(self._connection, self._ups.id, hour, self._most_w)
        self._advance(hours[-1], not_recomputed=len(gone))

    def _advance(self, hour_at: str, **counts: int) -> None:
        store.save_progress(self._connection, self._ups.id, hour_at, **counts)
        self._ups = self._ups._replace(done_to=hour_at)

    def _do_stretch(self, hours: list[str], ahead: list[str]) -> None:
        found, end = self._replay(hours, 0)
        while found.in_progress and len(hours) < min(len(ahead), LONGEST_HOURS):
            hours = ahead[: 2 * len(hours)]
            found, end = self._replay(hours, 0)
        if found.in_progress:
            found, end = self._replay(hours, TAIL)
        events = self._write_outages(found, Span(parse_utc(hours[0]), end))
        recomputed, gone = self._write_hours(found, hours)
        changes = [
            (step.sample, step.now.changed)
            for step in found.steps
            if step.now.changed and step.sample.at < end
        ]
        left = list(changes)

        def write(size: int) -> bool:
            batch = left[:size]
            del left[:size]
            if batch:
                self._runner.locked(lambda: store.write_samples(self._connection, self._ups.id, batch))
            return bool(left)

        if left:
            self._runner.run(write)
        self._runner.locked(
            lambda: self._advance(
                hours[-1], samples=len(changes), hours=recomputed, events=events, not_recomputed=gone
            )
        )

    def _replay(self, hours: list[str], tail: int) -> tuple[Replayed, float]:
        """The samples of these hours replayed, with a few behind them; the end of the hours, unix seconds."""
        connection, id = self._connection, self._ups.id
        start, end = hours[0], store.hour_end(hours[-1])
        before = store.samples_before(connection, id, start, CONTEXT)
        samples = store.samples_between(connection, id, start, end)
        behind = store.samples_from(connection, id, end, max(tail, LEAD))
        device = Device(
            self._own,
            self._constants,
            _usual_interval([*before, *samples]),
            self._nominal,
            store.tests_between(connection, id, start, format_utc(behind[-1].at) if behind else end),
            parse_utc(self._ups.until_at),
        )
        found = replay([*samples, *behind], before[-LEAD:], device, self._hour_at)
        return found, parse_utc(end)

    # Outages.

    def _write_outages(self, found: Replayed, stretch: Span) -> int:
        """Bring the outages of a stretch in line; returns how many changed."""
        connection, id = self._connection, self._ups.id
        stored = store.outages_between(connection, id, format_utc(stretch.start), format_utc(stretch.end))
        changed = sum(self._write_outage(outage, found) for outage in stored)
        for events in (found.outages, found.low_batteries):
            changed += self._insert_missed(events, stretch)
        return changed

    def _insert_missed(self, events: list[Event], stretch: Span) -> int:
        """Store those of these events, of one kind, that are not; returns how many they are."""
        known = store.all_of_kind(self._connection, self._ups.id, events[0].event) if events else []
        missed = [
            event
            for event in events
            if event.ended is not None
            and stretch.start <= event.started < stretch.end
            and not any(span.overlaps(event.started, event.ended, SLACK_S) for span in known)
        ]
        for event in missed:
            self._insert(event)
        return len(missed)

    def _write_outage(self, outage: StoredOutage, found: Replayed) -> bool:
        steps = [step for step in found.steps if outage.span.start <= step.sample.at < outage.span.end]
        if not steps:
            return False
        if _was_test(outage, steps, found.outages):
            self._runner.locked(lambda: store.remove_outage(self._connection, self._ups.id, outage))
            return True
        before, now = (outage_figures(found.steps, outage.span, is_now) for is_now in (False, True))
        differ = {name: now.get(name) for name in FROM_SAMPLES if before.get(name) != now.get(name)}
        if not differ:
            return False
        figures = outage.figures | differ
        self._runner.locked(lambda: store.update_figures(self._connection, outage.id, figures))
        return True

    def _insert(self, event: Event) -> None:
        """Store an event that was missed."""
        ended_at = None if event.ended is None else format_utc(event.ended)
        figures = {name: value for name, value in event.figures.items() if value is not None}
        detail = "; ".join(filter(None, (event.detail, FOUND_LATER)))
        span = EventSpan(self._ups.id, event.event, format_utc(event.started), ended_at)
        row = EventRow(span, event.complete, detail, json.dumps(figures))
        self._runner.locked(lambda: insert_events(self._connection, [row]))

    def _mark_outages(self) -> None:
        """Mark the outages whose samples are gone."""
        outages = store.outages_between(self._connection, self._ups.id, "", self._ups.until_at)
        left = [outage for outage in outages if self._is_gone(outage)]

        def mark(size: int) -> bool:
            batch = left[:size]
            del left[:size]
            if batch:
                self._runner.locked(lambda: self._mark(batch))
            return bool(left)

        if left:
            self._runner.run(mark)

    def _is_gone(self, outage: StoredOutage) -> bool:
        held = store.count_samples(self._connection, self._ups.id, outage.span)
        return outage.figures.get("samples", 0) > held and NOT_RECOMPUTED not in outage.figures

    def _mark(self, outages: list[StoredOutage]) -> None:
        for outage in outages:
            store.update_figures(self._connection, outage.id, {**outage.figures, NOT_RECOMPUTED: 1})

    # Hours.

    def _write_hours(self, found: Replayed, hours: list[str]) -> tuple[int, int]:
        """Bring hours in line; returns how many changed, and how many are not all there any more."""
        outcomes = []
        for hour in hours:
            pair = found.hours.get(hour)
            if pair is not None:
                write = partial(store.write_hour, self._connection, self._ups.id, pair, self._most_w)
                outcomes.append(self._runner.locked(write))
        return outcomes.count(True), outcomes.count(False)


def _was_test(outage: StoredOutage, steps: list[Step], outages: list[Event]) -> bool:
    """Whether an outage was a self-test: mains were there at every sample, and a test was running at one."""
    if any(outage.span.overlaps(event.started, event.ended or event.started) for event in outages):
        return False
    return all(step.has_mains for step in steps) and any(step.source is PowerSource.TEST for step in steps)


def _usual_interval(samples: list[StoredSample]) -> float:
    """The usual seconds between two samples on mains, else between any."""
    pauses = [(after.at - before.at, before.status) for before, after in pairwise(samples)]
    on_mains = [pause for pause, status in pauses if "OB" not in status] or [pause for pause, _ in pauses]
    return max(1.0, median(on_mains)) if on_mains else USUAL_S
