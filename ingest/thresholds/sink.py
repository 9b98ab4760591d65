"""Sink of the writer that opens and closes events VALUE, by what the stores of nodes and UPSes take in.

It comes after them: the rows that an event refers to are in the file when it is inserted.
"""

import json
import logging
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from functools import partial

from ingest.clock.reading import SYSTEM_CLOCK, Clock
from ingest.config.thresholds import ThresholdSettings
from ingest.db.moment import boottime
from ingest.db.time import parse_utc
from ingest.mysensors.events import EventSink
from ingest.mysensors.records import ReceivedBlock
from ingest.mysensors.state import ChannelState
from ingest.mysensors.store import Store, Watched
from ingest.thresholds.event_rows import SELECT_OPEN, ValueEvent, end_event, open_event, update_event
from ingest.thresholds.limit import Change, Excursion, LimitWatch, ValueLimit
from ingest.thresholds.subject import ChannelSubject, FigureSubject, Subject, find_subject
from ingest.ups.records import UpsSample

log = logging.getLogger(__name__)

HOLDS_INTERVALS = 1.5  # a figure of a UPS is the present one until the next poll is late
GAP_INTERVALS = 3.0  # as for outages: what lies further apart was not observed in between
UPDATE_S = 60.0  # between two writes of an open event whose extreme stays
REMOVED = "the threshold was removed from the config"
CHANGED = "the threshold was changed in the config"
NO_SOURCE = "its source is not in the config any more"
RETIRED = "select id from nodes where retired_at is not null"


class WatchedThreshold:
    """A threshold of the config, its state, and when its open event was written last (monotonic seconds)."""

    def __init__(self, settings: ThresholdSettings, subject: Subject) -> None:
        is_above = settings.above is not None
        bound = settings.above if settings.above is not None else settings.below
        limit = ValueLimit(float(bound or 0.0), is_above, settings.for_s, settings.hysteresis)
        self.name, self.subject, self.watch = settings.name, subject, LimitWatch(limit)
        self.written = float("-inf")

    def is_of(self, figures: Mapping[str, object]) -> bool:
        """Whether an open event has this subject and this limit."""
        limit = self.watch.limit
        expected = {"subject": self.subject.key, "limit": limit.limit, "side": limit.side}
        return expected.items() <= figures.items()

    def event(self, excursion: Excursion, ended: float | None = None) -> ValueEvent:
        """The event as it is now."""
        return ValueEvent(
            self.name,
            self.subject,
            self.watch.limit,
            excursion.started,
            excursion.value,
            excursion.extreme,
            excursion.complete,
            ended,
        )


class ThresholdSink:
    """Watches the channels of the gateways, and the UPSes of the sources, that this process reads.

    `gateways` maps the names of all gateways of the config to their numbers, `read` are the numbers of those
    that are read here, `ups_sources` the names of the sources of UPSes. Times are unix seconds.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        settings: Iterable[ThresholdSettings],
        gateways: Mapping[str, int],
        read: Container[int],
        ups_sources: Container[str],
        store: Store,
        events: EventSink,
        clock: Clock = SYSTEM_CLOCK,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._events, self._clock, self._monotonic = store, events, clock, monotonic
        self._changes: list[Callable[[sqlite3.Connection], None]] = []
        self._news = 0  # of these, the ones that begin or end an event
        self._channels: defaultdict[int, list[WatchedThreshold]] = defaultdict(list)  # by channels.id
        self._figures: defaultdict[str, list[WatchedThreshold]] = defaultdict(list)  # by the UPS's name
        configured: dict[str, WatchedThreshold | None] = {}
        for one in settings:
            subject = find_subject(one, gateways)
            threshold = configured[one.name] = None if subject is None else WatchedThreshold(one, subject)
            if threshold is None:
                log.warning("thresholds: %s: there is no %s: nothing is watched", one.name, one.channel)
            elif isinstance(subject, ChannelSubject) and subject.node >> 8 in read:
                self._channels[subject.channel].append(threshold)
            elif isinstance(subject, FigureSubject) and _source(subject.ups) in ups_sources:
                self._figures[subject.ups].append(threshold)
        self._resume(connection, configured)
        self._begin_with_stored(connection)
        store.watched, store.on_watched = self._channels, self._take_block

    def _resume(
        self, connection: sqlite3.Connection, configured: Mapping[str, WatchedThreshold | None]
    ) -> None:
        """Go on with events of an earlier run; end those whose threshold is another one now."""
        for name, started_at, text, _ in connection.execute(SELECT_OPEN).fetchall():
            figures = json.loads(text)
            threshold = configured.get(name)
            if threshold is not None and threshold.is_of(figures):
                threshold.watch.resume(parse_utc(started_at), figures["value"], figures["extreme"])
                continue
            reason = REMOVED if name not in configured else NO_SOURCE if threshold is None else CHANGED
            log.info("%s: VALUE ended: %s", name, reason)
            self._change(partial(end_event, threshold=name, ended=self._now(), reason=reason))

    def _begin_with_stored(self, connection: sqlite3.Connection) -> None:
        """The last value of a channel is the present one, until the node says otherwise."""
        retired = {id for (id,) in connection.execute(RETIRED)}
        for key, thresholds in self._channels.items():
            channel = self._store.channels.get(key)
            if channel is not None and channel.value is not None and channel.node not in retired:
                for threshold in thresholds:
                    threshold.watch.begin_with(channel.value, parse_utc(channel.last_at or ""))

    def _now(self) -> float:
        return self._clock.read().wall

    def absorb(self, item: None) -> None:
        """Nothing is handed in: the stores call `take_*`."""

    def _take_block(self, block: ReceivedBlock, values: Watched) -> None:
        """Take what a block brought of the channels that are watched."""
        moment = block.monotonic - self._store.clocks[block.gateway].missing
        for channel, number in values:
            for threshold in self._channels[channel]:
                if number is None:
                    threshold.watch.doubt()
                else:
                    self._apply(threshold, number, block.received_at, moment)

    def take_sample(self, sample: UpsSample) -> None:
        """Take the figures of a poll of a UPS."""
        for threshold in self._figures.get(sample.ups, ()):
            if isinstance(threshold.subject, FigureSubject):
                value, interval = threshold.subject.value(sample), sample.interval_s
                if value is None:
                    threshold.watch.doubt()
                else:
                    spans = (HOLDS_INTERVALS * interval, GAP_INTERVALS * interval)
                    self._apply(threshold, value, sample.at, sample.monotonic, *spans)

    def take_marked(self, channel: ChannelState) -> None:
        """Take the value that counts since readings of a channel were marked wrong, or right again."""
        moment = self._events.observed_time(channel.node)
        for threshold in self._channels.get(channel.id, ()):
            if channel.value is not None:
                now = self._now()
                self._apply(threshold, channel.value, now, self._events.now() if moment is None else moment)

    def _apply(
        self,
        threshold: WatchedThreshold,
        value: float,
        at: float,
        moment: float,
        holds_s: float | None = None,
        gap_s: float | None = None,
    ) -> None:
        watch = threshold.watch
        before = (watch.excursion, watch.excursion.extreme) if watch.excursion is not None else None
        change = watch.take(value, at, moment, holds_s, gap_s)
        if change is Change.OPENED:
            self._opened(threshold)
        elif change is Change.CLOSED and before is not None:
            excursion = before[0]
            log.info("%s: VALUE ended after %.0f s", threshold.name, max(0.0, at - excursion.started))
            self._change(partial(update_event, event=threshold.event(excursion, at)))
        elif watch.is_open and watch.excursion is not None and before is not None:
            is_worse = watch.excursion.extreme != before[1]
            if is_worse or self._monotonic() - threshold.written >= UPDATE_S:
                self._change(partial(update_event, event=threshold.event(watch.excursion)), is_news=False)
                threshold.written = self._monotonic()

    def _opened(self, threshold: WatchedThreshold) -> None:
        if threshold.watch.excursion is not None:
            event = threshold.event(threshold.watch.excursion)
            log.warning(
                "%s: VALUE: %.6g, %s %.6g", event.threshold, event.value, event.limit.side, event.limit.limit
            )
            self._change(partial(open_event, event=event))
            threshold.written = self._monotonic()

    def _change(self, change: Callable[[sqlite3.Connection], None], is_news: bool = True) -> None:
        self._changes.append(change)
        self._news += is_news

    def forget(self, node: int, child_id: int | None) -> None:
        """A node, or one child of it, is deleted, and its events with it."""
        for key, thresholds in self._channels.items():
            if key >> 16 == node and child_id in (None, key >> 8 & 255):
                for threshold in thresholds:
                    threshold.watch = LimitWatch(threshold.watch.limit)

    def poll(self, connection: sqlite3.Connection, changed: bool) -> bool:
        """Open the events whose time has come without another value; True where rows are pending."""
        for threshold, moment in self._waiting():
            if threshold.watch.elapse(moment) is Change.OPENED:
                self._opened(threshold)
        return bool(self._changes)

    def _waiting(self) -> Iterator[tuple[WatchedThreshold, float]]:
        """Thresholds whose value is beyond its limit without an event, and the time for which it was."""
        for thresholds in (*self._channels.values(), *self._figures.values()):
            for threshold in thresholds:
                watch = threshold.watch
                if watch.excursion is None or watch.is_open:
                    continue
                subject = threshold.subject
                moment: float | None = boottime()
                if isinstance(subject, ChannelSubject):
                    moment = self._events.observed_time(subject.node)
                if moment is not None:
                    yield threshold, moment

    @property
    def is_urgent(self) -> bool:
        """Whether an event that begins or ends waits to be written."""
        return self._news > 0

    def write(self, connection: sqlite3.Connection) -> set[str]:
        """Write what has changed; returns the topics that changed."""
        for change in self._changes:
            change(connection)
        return {"events"} if self._changes else set()

    def committed(self) -> None:
        """Forget what is in the file."""
        self._changes, self._news = [], 0


def _source(ups: str) -> str:
    """The source of a UPS by its name: `closet` of `rack@closet`, `garage` of `garage`."""
    return ups.rpartition("@")[2]
