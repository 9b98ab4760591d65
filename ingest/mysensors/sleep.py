"""What is known of a node's sleep: its announced windows, and what users set. Pure: no I/O, no clock."""

from collections import deque
from dataclasses import dataclass, field
from statistics import median

from ingest.mysensors.protocol import Command, Header, Internal

SLEEPER_WINDOWS = 3  # announced windows that make a sleeper
USUAL_WINDOW_MS = 500  # MY_SMART_SLEEP_WAIT_DURATION_MS of MyConfig.h
INTERVALS = 9  # from one window to the next, which the usual one is the median of
AUTO, AWAKE, SLEEPS = "auto", "awake", "sleeps"  # what users set for a node
SLEEP_SETTINGS = (AUTO, AWAKE, SLEEPS)
HEARTBEAT_WINDOWS = ("2.0", "2.1")  # libraries that announce a window so, not by I_PRE_SLEEP_NOTIFICATION
ANSWER_S = 10.0  # within which a requested heartbeat, and the radio's copies of it, arrive


def announces_by_heartbeat(protocol_version: str | None) -> bool:
    """Whether a heartbeat of a node with this library, for which nobody asked, announces a window."""
    return (protocol_version or "").startswith(HEARTBEAT_WINDOWS)


def count_window(windows: int) -> int:
    """One more announced window; more than those of a sleeper are not counted."""
    return min(SLEEPER_WINDOWS, windows + 1)


def count_presentation(windows: int) -> int:
    """A node that presents itself may have another sketch: a sleeper is one again with its next window."""
    return min(SLEEPER_WINDOWS - 1, windows)


@dataclass(eq=False)
class NodeSleep:
    """The sleep of one node. Times are seconds of the monotonic clock.

    `windows` counts what it announced since it was last found awake. `explicit`: by
    I_PRE_SLEEP_NOTIFICATION, which says that it sleeps; the heartbeats of libraries 2.0 and 2.1 may be those
    of a node that is awake.
    """

    windows: int = 0
    explicit: bool = False
    setting: str = AUTO
    usual_s: float | None = None  # from one window to the next, as long as none were seen
    seen: float | None = None  # the last message before a restart
    _last: float | None = field(default=None, init=False)
    _intervals: deque[float] = field(default_factory=lambda: deque(maxlen=INTERVALS), init=False)

    @property
    def is_asleep(self) -> bool:
        """Whether it counts as a sleeper."""
        if self.setting == AUTO:
            return self.windows >= SLEEPER_WINDOWS
        return self.setting == SLEEPS

    @property
    def awaits_window(self) -> bool:
        """Whether orders to it wait for a window: also of a node that announced one, not three."""
        return self.is_asleep or (self.setting == AUTO and self.explicit and self.windows > 0)

    def announce(self, now: float, explicit: bool) -> None:
        """Note a window that was announced."""
        self.windows, self.explicit = count_window(self.windows), explicit
        if self._last is not None and now > self._last:
            self._intervals.append(now - self._last)
        self._last = now

    def present(self) -> None:
        """Note that the node presented itself."""
        self.windows = count_presentation(self.windows)

    def find_awake(self) -> bool:
        """Note an answer that came outside its windows; returns whether windows were announced before."""
        before, self.windows = self.windows, 0
        return before > 0

    @property
    def interval_s(self) -> float | None:
        """From one window to the next, usually; None where that is not known."""
        return median(self._intervals) if self._intervals else self.usual_s

    @property
    def next_window(self) -> float | None:
        """When the next window is due; None where that is not known."""
        interval, last = self.interval_s, self.seen if self._last is None else self._last
        return None if interval is None or last is None else last + interval


@dataclass(eq=False)
class HeartbeatRequests:
    """Heartbeats that nodes were asked for: their answers, and the radio's copies of them, open no window."""

    _asked: dict[int, float] = field(default_factory=dict, init=False)  # node id -> monotonic seconds
    _answers: dict[int, tuple[str, float]] = field(default_factory=dict, init=False)

    def note(self, header: Header, now: float) -> None:
        """Note a message that is sent to a node, or a node's echo of one, which anybody may have sent."""
        if header.command == Command.internal and header.type == Internal.I_HEARTBEAT_REQUEST:
            self._asked[header.node] = now

    def is_answer(self, node_id: int, payload: str, now: float) -> bool:
        """Whether a heartbeat was asked for. Its payload, milliseconds, tells copies from others."""
        if now - self._asked.pop(node_id, float("-inf")) <= ANSWER_S:
            self._answers[node_id] = payload, now
            return True
        answer, at = self._answers.get(node_id, ("", float("-inf")))
        return answer == payload and now - at <= ANSWER_S
