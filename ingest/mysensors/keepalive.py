"""Whether a gateway is still there, by what it sends and how it takes the question for its version. Pure.

A gateway of MySensors answers I_VERSION (`core/MyGatewayTransport.cpp`), so that 20 s without a message mean
that it is gone. What is behind a serial server with one wire, firmware that only listens and bridges of
other kinds never answer: their silence says nothing, and a dead peer shows by TCP keepalive alone. Which kind
a gateway is, is learnt.
"""

from dataclasses import dataclass, field
from enum import Enum, auto

from ingest.mysensors.settings import GatewayTiming

ASK_AGAIN_S = 600.0  # between two questions to a gateway that does not answer: its firmware may be changed
ENOUGH = 2  # questions without an answer, or connections without one, from which is concluded


class Liveness(Enum):
    """What silence says of a gateway."""

    THERE = auto()
    QUIET = auto()  # its kind does not answer
    UNKNOWN = auto()  # it has never sent anything
    GONE = auto()


@dataclass
class Keepalive:
    """What one gateway taught about its answers; `answers` is None while that is not known."""

    timing: GatewayTiming
    answers: bool | None
    is_waiting: bool = field(default=False, init=False)  # for an answer
    _asked: int = field(default=0, init=False)  # questions in this connection since the last answer
    _asked_at: float = field(default=float("-inf"), init=False)  # monotonic seconds
    _answered_here: bool = field(default=False, init=False)  # in this connection
    _doubts: int = field(default=0, init=False)  # silences in a row after messages and without an answer
    _is_doubted: bool = field(default=False, init=False)  # the silence of now is one of them
    _changed: bool = field(default=False, init=False)

    def connected(self) -> None:
        """A new connection is open."""
        self._answered_here = self.is_waiting = self._is_doubted = False
        self._asked, self._asked_at = 0, float("-inf")

    def restarted(self) -> None:
        """The gateway begins anew behind a connection that stays: it may have missed what it was asked."""
        self._answered_here = False
        self._asked, self._asked_at = 0, float("-inf")

    def is_due(self, now: float, idle_s: float, received_any: bool) -> bool:
        """Whether to ask now: then it counts as asked."""
        pause_s = ASK_AGAIN_S if self.answers is False else 0.0
        is_news = not self._asked and not self._answered_here
        due = (idle_s >= self.timing.keepalive_s or not received_any or is_news) and (
            now - self._asked_at >= pause_s
        )
        if due:
            self._asked += 1
            self._asked_at, self.is_waiting = now, True
        return due

    def answered(self) -> None:
        """The gateway told its version."""
        self._learn(True)
        self._answered_here, self.is_waiting = True, False
        self._asked = self._doubts = 0

    def assess(self, idle_s: float, received_any: bool, is_serial: bool) -> Liveness:
        """What it means that nothing came for `idle_s`."""
        if idle_s < self.timing.idle_timeout_s:
            self._is_doubted = False
            return Liveness.THERE
        if self._answered_here:
            return Liveness.GONE
        if self.answers:
            return self._doubt(received_any, is_serial)
        if not received_any and self.answers is None:
            return Liveness.UNKNOWN
        if self._asked >= ENOUGH:
            self._learn(False)
        return Liveness.QUIET

    def _doubt(self, received_any: bool, is_serial: bool) -> Liveness:
        """It used to answer, and has not in this connection: gone, or another device in its place."""
        if not received_any:
            return Liveness.UNKNOWN if is_serial else Liveness.GONE
        if not self._is_doubted:  # a broker's connection outlasts the silence
            self._doubts += 1
            self._is_doubted = True
        if self._doubts < ENOUGH:
            return Liveness.GONE
        self._learn(False)
        return Liveness.QUIET

    def _learn(self, answers: bool) -> None:
        self._changed = self._changed or self.answers is not answers
        self.answers = answers

    def take_change(self) -> bool | None:
        """What was learnt since the last call; None where that is nothing new."""
        changed, self._changed = self._changed, False
        return self.answers if changed else None
