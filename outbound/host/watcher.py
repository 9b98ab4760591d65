"""Looks at this machine and at the other parts of the program, and stores what is wrong as events.

What cannot be stored is sent from memory, and its end, too.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from ingest.config.model import Config
from ingest.db.moment import boottime
from ingest.db.problems import Problem
from outbound.alerts.model import AlertEvent
from outbound.database import DatabaseUnavailableError, OutboundDatabase
from outbound.host.condition import HostCondition, Key, find_changes
from outbound.host.ingest_checks import check_ingest, check_problems
from outbound.host.ingest_state import IngestState
from outbound.host.rows import end_deaths, open_details, save_changes, try_writing
from outbound.host.site_check import ASK_S, SiteAnswers, ask_site, pulse_url
from outbound.host.stored_checks import STORED_EVENTS, read_stored
from outbound.senders.threads import start_thread

log = logging.getLogger(__name__)

LOOK_S = 5.0
STORED_S = 10.0  # between two looks at what the database says
REPLACED_S = 3.0  # after the file was replaced: alerts follow the new one by then
START_S = 60.0  # from the start of this process: ingest may start after it
PAUSE_S = 30.0  # between two looks: this process, or the machine, did not run
NEVER_STORED = ("DISK_LOW",)  # its rows are ingest's
REPLACED = "DATABASE_REPLACED"


@dataclass
class HostWatcher:
    """`take_memory_event` gets events that cannot be stored, `has_stored` is called for those that are.

    `look_s` is between two looks.
    """

    config: Config
    database: OutboundDatabase
    take_memory_event: Callable[[AlertEvent], object]
    has_stored: Callable[[], object]
    ingest: IngestState
    look_s: float = LOOK_S
    started: float = field(default_factory=time.monotonic)
    _may_judge_at: float = field(default=0.0, init=False)  # monotonic
    _looked: float | None = field(default=None, init=False)  # CLOCK_BOOTTIME
    _site: SiteAnswers = field(default_factory=SiteAnswers, init=False)
    _stored: list[HostCondition] = field(default_factory=list, init=False)  # as the database said last
    _stored_at: float = field(default=float("-inf"), init=False)
    _known_open: dict[Key, str] = field(default_factory=dict, init=False)
    _told: dict[Key, HostCondition] = field(default_factory=dict, init=False)  # from memory
    _own: tuple[Problem, float] | None = field(default=None, init=False)  # and since when, monotonic
    _replaced: int = field(default=0, init=False)
    _replaced_at: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._may_judge_at = self.started + START_S

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ask_site())
            group.create_task(self._watch())

    async def _ask_site(self) -> None:
        url = pulse_url(self.config.web)
        while url:
            self._site.note(await start_thread(partial(ask_site, url), "site"), self._age_s)
            await asyncio.sleep(ASK_S)

    async def _watch(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:  # alerts go on without it
                log.exception("The machine could not be looked at; trying again")
            await asyncio.sleep(self.look_s)

    @property
    def _age_s(self) -> float:
        return time.monotonic() - self.started

    async def look(self) -> None:
        """Look once, and store or send what has changed."""
        now = time.time()
        self._note_pause()
        live = await start_thread(partial(self._look_around, now), "host")
        try:
            if await self.database.run(partial(self._look_inside, live, now)):
                self.has_stored()
            self._own = None
        except DatabaseUnavailableError as error:
            self._note_problem(error.problem)
            self._tell(self._of_own_problem(live, now), now)
        self._tell([one for one in live if one.event in NEVER_STORED], now)
        self._tell_ends(live, now)

    def _note_pause(self) -> None:
        """After a suspended machine or a frozen process the others have their time to come back, too."""
        looked, self._looked = self._looked, boottime()
        if looked is not None and self._looked - looked > PAUSE_S:
            self._may_judge_at = time.monotonic() + START_S

    @property
    def _may_judge(self) -> bool:
        """Whether it is long enough ago that this process started, or went on."""
        return time.monotonic() >= self._may_judge_at

    def _note_problem(self, problem: Problem) -> None:
        if self._own is None or self._own[0].kind is not problem.kind:
            self._own = (problem, time.monotonic())

    def _of_own_problem(self, live: list[HostCondition], now: float) -> list[HostCondition]:
        """The conditions that stand, with what this process itself has just met."""
        found = {one.key: one for one in live}
        for one in self._problems(now):
            found.setdefault(one.key, one)
        return list(found.values())

    def _problems(self, now: float) -> list[HostCondition]:
        own, since = self._own or (None, 0.0)
        return check_problems(self.ingest.heartbeats(), own, time.monotonic() - since, now)

    def _look_around(self, now: float) -> list[HostCondition]:
        """What stands by all but the database; in a thread of its own."""
        return [
            *self._look_at_ingest(now),
            *self._problems(now),
            *self._site.check(pulse_url(self.config.web), self._age_s, now),
            *self._look_at_file(),
        ]

    def _look_at_ingest(self, now: float) -> list[HostCondition]:
        if not self._may_judge:
            return []
        ingest = self.ingest
        return check_ingest(ingest.sources, ingest.heartbeats(), ingest.unread(), now)

    def _look_at_file(self) -> list[HostCondition]:
        if self.database.replaced != self._replaced and self._replaced_at is None:
            self._replaced_at = time.monotonic()
        if self._replaced_at is None or time.monotonic() - self._replaced_at < REPLACED_S:
            return []
        self._replaced, self._replaced_at = self.database.replaced, None
        detail = f"{self.config.database} was replaced, moved away or deleted while it was open"
        return [HostCondition(REPLACED, "", detail, "database", is_moment=True)]

    def _look_inside(self, live: list[HostCondition], now: float, connection: sqlite3.Connection) -> bool:
        """Read what stands by the database, and store all that stands; in the database's thread.

        Returns whether anything has changed.
        """
        has_ended = False
        if self._own is not None:
            try_writing(connection)  # where nothing has changed, all else here only reads
        if time.monotonic() - self._stored_at >= STORED_S:
            self.ingest.gateways = dict(connection.execute("select name, id from gateways").fetchall())
            self._stored = read_stored(connection, self.config.backup, now)
            self._stored_at = time.monotonic()
            has_ended = end_deaths(connection, now)
        self._known_open = open_details(connection)
        standing = [
            one
            for one in (*live, *self._stored)
            if one.event not in NEVER_STORED and one.key not in self._told
        ]
        changes = find_changes(standing, self._known_open, self._looked_at())
        save_changes(connection, changes, now)
        self._stored = [one for one in self._stored if not one.is_moment]
        for one in changes.begun:
            log.warning("%s: %s: %s", one.event, one.name, one.detail)
        for event, which in changes.ended:
            log.info("%s of %s is over", event, which or "this machine")
        return bool(changes) or has_ended

    def _looked_at(self) -> set[str]:
        """The events of which is known whether they go on: not yet, soon after a start."""
        found = set(STORED_EVENTS)
        if self._may_judge:
            found.add("INGEST_DOWN")
        if self._site.is_known(self._age_s):
            found.add("SITE_DOWN")
        return found

    def _tell(self, standing: list[HostCondition], now: float) -> None:
        """Send what no open row tells."""
        for one in standing:
            if one.key in self._told or one.key in self._known_open:
                continue
            log.error("%s, sent from memory: %s: %s", one.event, one.name, one.detail)
            self._told[one.key] = one
            self.take_memory_event(one.as_event(now))

    def _tell_ends(self, live: list[HostCondition], now: float) -> None:
        """Send the ends of what was sent from memory."""
        standing = {one.key for one in self._of_own_problem(live, now)}
        for key, one in list(self._told.items()):
            if key not in standing or one.is_moment:
                del self._told[key]
                self.take_memory_event(one.as_event(now, now))
