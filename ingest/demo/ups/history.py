"""Weeks of the demo's UPSes: the same models as live, asked for the past and stored by the same store.

A month is a few seconds of work: a sample every few minutes on mains, and every few seconds in an outage,
so that each outage begins and ends as it would have been seen.
"""

import heapq
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from sqlite3 import Connection

from ingest.config.model import Config
from ingest.config.ups import ups_sources
from ingest.db.changes import raise_topics
from ingest.db.connection import connect, transaction
from ingest.demo.ups.ep20 import DemoEP20
from ingest.demo.ups.ep20 import model as ep20
from ingest.demo.ups.mains import Mains, MainsFailure
from ingest.demo.ups.models import CIRCUITS, demo_upses, model
from ingest.demo.ups.upsd import DemoUpsd
from ingest.must.registers import status_variables
from ingest.ups.records import Poll, UpsFound
from ingest.ups.registry import register
from ingest.ups.status import is_discharging, status_tokens
from ingest.ups.store import UpsStore

STEP_S = 600.0  # between two samples on mains; there are more around outages
OUTAGE_STEP_S = 10.0
AROUND_S = 60.0
LONG_DAYS_AGO, LONG_S = 9.4, 3000.0  # one outage that is long whatever the calendar brings
DAY = 86400.0


@dataclass(frozen=True)
class Past:
    """The days to make up: they end at `until`, unix seconds."""

    days: float
    until: float

    @property
    def since(self) -> float:
        """The first moment, unix seconds."""
        return self.until - self.days * DAY

    def mains(self) -> Mains:
        """What came out of the wall, the long outage included where the days reach back to it."""
        began = self.until - LONG_DAYS_AGO * DAY
        return Mains((MainsFailure(round(began), round(began + LONG_S)),) if began > self.since else ())


def steps(start: float, end: float, step: float) -> Iterator[float]:
    """Moments from `start` until before `end`."""
    while start < end:
        yield start
        start += step


def poll_times(past: Past, mains: Mains) -> list[float]:
    """When a UPS behind these mains is polled: unix seconds, in order."""
    times = set(steps(past.since, past.until, STEP_S))
    for failure in mains.failures(past.since, past.until):
        first = max(past.since, failure.start - AROUND_S)
        times.update(steps(first, min(failure.end + AROUND_S, past.until), OUTAGE_STEP_S))
        times |= {edge for edge in (failure.start, failure.end) if past.since <= edge < past.until}
    return sorted(times)


def variables_at(name: str, at: float, mains: Mains) -> dict[str, str]:
    """Every variable of a UPS of the demo, the EP20 ('garage') included."""
    return status_variables(ep20(at, mains)) if name == "garage" else model(name, at, mains)


def polls(past: Past, ups: str, name: str) -> Iterator[Poll]:
    """The polls of one UPS, `ups` its name in the config and `name` that of its model."""
    mains = past.mains()
    times = poll_times(past, mains.behind(CIRCUITS.get(name, "")))
    for at, following in pairwise([*times, past.until]):
        variables = variables_at(name, at, mains)
        status = variables["ups.status"]
        on_battery = is_discharging(status_tokens(status))
        interval = OUTAGE_STEP_S if on_battery else max(following - at, OUTAGE_STEP_S)
        yield Poll(ups, at, at, interval, status=status, variables=variables)


def make_ups_history(
    config: Config,
    days: float = 28,
    until: float | None = None,
    committed: Callable[[float], object] = lambda at: None,
    durable: bool = True,
) -> int:
    """Store `days` days of the UPSes of a demo config; returns the number of samples.

    A day is a commit; `committed` gets its end in unix seconds; commits that are not `durable` do
    not wait for the disk.
    """
    past = Past(days, time.time() if until is None else until)
    with closing(connect(config.database, durable=durable)) as connection:
        sources = ups_sources(config.nut, config.must)
        register(connection, sources, config.ups)
        store = UpsStore(
            connection,
            config.timezone,
            sources,
            config.ups,
            logging_enabled=False,
            variables=config.variables,
        )
        recordings = []
        for source in sources:
            if source.driver == "must":
                recordings.append(polls(past, source.name, "garage"))
            else:
                for name, demo_ups in demo_upses().items():
                    ups = f"{name}@{source.name}"
                    store.absorb(UpsFound(ups, source.name, source.address_of(ups), demo_ups.description))
                    recordings.append(polls(past, ups, name))
        total, day_ends = 0, past.since + DAY
        for poll in heapq.merge(*recordings, key=lambda poll: poll.at):
            if poll.at >= day_ends:
                _commit(store, connection)
                committed(day_ends)
                day_ends += DAY
            store.absorb(poll)
            total += 1
        _commit(store, connection)
    return total


def _commit(store: UpsStore, connection: Connection) -> None:
    with transaction(connection):
        raise_topics(connection, store.write(connection))
    store.committed()


@contextmanager
def live_upses(
    nut_port: int = 0, link: Path | None = None, until: float | None = None, days: float = 28
) -> Iterator[tuple[DemoUpsd, DemoEP20]]:
    """`with live_upses() as (upsd, ep20):` the demo's NUT server and EP20, going on where the past ended.

    `link` is a path for the EP20's port that stays the same. Raises OSError where the port is taken.
    """
    mains = Past(days, until).mains() if until is not None else Mains()
    with (
        DemoUpsd(demo_upses(mains), port=nut_port) as upsd,
        DemoEP20(lambda t: ep20(t, mains), link=link) as device,
    ):
        yield upsd, device
