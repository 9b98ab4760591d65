"""How much that is new a gateway may bring: what is beyond is counted and not kept. Pure.

A gateway that is broken, or a program that pretends to be one, sends lines of nodes, children and types that
do not exist, or lines that are none. Each new channel makes rows in several tables, for years; each line that
cannot be read makes one. A line of a channel that is known is never left out.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ingest.mysensors.protocol import Command, Header, Message, Reject
from ingest.process.allowance import Allowance


@dataclass(frozen=True)
class IntakeLimits:
    """Limits of one gateway.

    A channel is what a node reports by `set`; `others` are combinations of node, child, command and type:
    after a power cut a large network presents thousands of them in a minute.
    """

    channels: int = 10_000
    channels_a_minute: int = 200
    others: int = 20_000
    others_a_minute: int = 2_000
    rejects_at_once: int = 500
    rejects_a_minute: int = 5


class Dropped(NamedTuple):
    """What one read brought and was not kept: `what` is `messages` or `rejects`."""

    what: str
    number: int
    reason: str


@dataclass(eq=False)
class Intake:
    """Lets in what one gateway brings. `known` are headers from before, whatever their echo."""

    limits: IntakeLimits
    known: Iterable[Header] = ()
    _channels: set[Header] = field(default_factory=set, init=False)
    _others: set[Header] = field(default_factory=set, init=False)
    _passed: set[Header] = field(default_factory=set, init=False)  # as they came: the quick way

    def __post_init__(self) -> None:
        limits = self.limits
        self._new_channels = Allowance(limits.channels_a_minute, limits.channels_a_minute)
        self._new_others = Allowance(limits.others_a_minute, limits.others_a_minute)
        self._rejects = Allowance(limits.rejects_at_once, limits.rejects_a_minute)
        self.learn(self.known)

    def learn(self, headers: Iterable[Header]) -> None:
        """Take headers as known: an import brought them."""
        for header in headers:
            self._kind(header).add(header._replace(echo=0))

    def forget(self, node_id: int, child: int | None) -> None:
        """Users deleted a node, or one child of it."""
        for known in (self._channels, self._others, self._passed):
            known -= {one for one in known if one.node == node_id and child in (None, one.child)}

    def take_messages(self, messages: list[Message], now: float) -> tuple[list[Message], Dropped | None]:
        """Return the messages to keep and what is dropped; `now` in seconds."""
        passed = self._passed
        if passed.issuperset(header for header, _ in messages):
            return messages, None
        kept, reason = [], ""
        for message in messages:
            refusal = "" if message[0] in passed else self._refuse(message[0], now)
            if refusal:
                reason = refusal
            else:
                kept.append(message)
        count = len(messages) - len(kept)
        return kept, Dropped("messages", count, reason) if count else None

    def take_rejects(self, rejects: list[Reject], now: float) -> tuple[list[Reject], Dropped | None]:
        """Return the rejects to keep and what is dropped; `now` in seconds."""
        if not rejects:
            return rejects, None
        kept = [reject for reject in rejects if self._rejects.take(now)]
        count = len(rejects) - len(kept)
        return kept, Dropped("rejects", count, rejects[-1].reason) if count else None

    def _kind(self, header: Header) -> set[Header]:
        return self._channels if header.command == Command.set else self._others

    def _refuse(self, header: Header, now: float) -> str:
        """Why a message with this header is not kept; '' where it is, and is known from now on."""
        key, limits = header._replace(echo=0), self.limits
        known = self._kind(header)
        if key not in known:
            if known is self._channels:
                most, allowance, what = limits.channels, self._new_channels, "channels"
                a_minute = limits.channels_a_minute
            else:
                most, allowance, what = limits.others, self._new_others, "kinds of messages"
                a_minute = limits.others_a_minute
            last = f"the last of node {header.node}, child {header.child}, type {header.type}"
            if len(known) >= most:
                return f"it has {most:,} {what} already ({last})"
            if not allowance.take(now):
                return f"more than {a_minute:,} new {what} came in a minute ({last})"
            known.add(key)
        self._passed.add(header)
        return ""
