"""What every demo node does by itself: the library under the sketch. Pure, on a clock that others drive.

A node is a script, a generator that yields what it sends (Outgoing) and until when it rests (unix seconds).
`ingest.demo.radio.network` runs the scripts. Facts of the wire: the order after a reset and the answers are
those of `core/MySensorsCore.cpp` and `core/MyTransport.cpp`, library 2.3.2 and 2.4.0-alpha.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import ClassVar, NamedTuple

from ingest.demo.ota.updater import Updater, factory_facts, factory_image
from ingest.demo.radio.world import DAY, World
from ingest.demo.wire import Incoming, Outgoing, Script
from ingest.mysensors.protocol import BROADCAST, NODE_CHILD, Command, Internal, Presentation, SetReq

CONFIG_WAIT_S = 2.0  # for the answer to I_CONFIG
ID_WAIT_S = 2.0  # for the answer to I_ID_REQUEST, 4 times, then a pause of ID_PAUSE_S
ID_PAUSE_S = 10.0
NO_SIGNAL_REPORT = -256
VERSION_ANSWERED = (2, 3, 1)  # the first library that answers I_VERSION


class Child(NamedTuple):
    """A sensor of a node as it presents itself."""

    child_id: int
    type: Presentation
    description: str = ""


class Task(NamedTuple):
    """Something a sketch does repeatedly."""

    next_at: Callable[..., float]  # of the node and a time: the first time after it
    run: Callable[..., Script]  # of the node
    at_boot: bool = True


def every(period: float, run: Callable[..., Script], at_boot: bool = True, name: str = "") -> Task:
    """A Task that runs every `period` seconds; `name` (default: the function's) gives its phase."""
    key = name or run.__name__
    return Task(lambda node, after: node.slot(after, period, key), run, at_boot)


@dataclass(eq=False)
class Activity:
    """Something that a node does: a stack of scripts, of which the last one runs.

    The network sets `rests_until` and `ticket`.
    """

    node: "DemoNode"
    scripts: list[Script] = field(default_factory=list)
    rests_until: float = 0.0
    ticket: int = 0

    def resume(self) -> Outgoing | bytes | float | None:
        """The next thing that happens: something sent, a time to rest until, or None when all has ended."""
        while self.scripts:
            running = self.scripts
            try:
                return next(running[-1])
            except StopIteration:
                running.pop()
        return None


class DemoNode:
    """A node that is awake all the time. Sketches are subclasses: they define who they are and what they do.

    `tasks` is what the sketch does repeatedly.

    `world` is what there is to measure, `anchor` the moment (unix seconds) around which batteries and other
    one-off events are arranged, `booted_at` since when it runs.
    """

    node_id = BROADCAST  # "no id yet"
    parent = 0
    sketch = ""
    sketch_version = "1.0"
    library = "2.3.2"
    role = Presentation.S_ARDUINO_NODE
    children: Sequence[Child] = ()
    tasks: Sequence[Task] = ()
    rssi: int | None = None  # dBm; None: built without MY_SIGNAL_REPORT_ENABLED
    silent_since_days: float | None = None  # before the anchor
    make_updater: ClassVar[type[Updater] | None] = None
    crash_s = 8.0  # until the watchdog restarts a sketch that is half an image

    pace = 1.0  # network seconds in a second of a controller
    answered = False  # no controller is there, answers are taken for given
    is_running = False  # the sketch; not so from a reset until its firmware has been checked
    awaiting: int | None = None
    token = NODE_CHILD
    presenting = False
    metric: bool | None = None
    controller_time: int | None = None

    def __init__(self, world: World, anchor: float, booted_at: float) -> None:
        self.world = world
        self.noise = world.noise
        self.anchor = anchor
        self.booted_at = booted_at
        self.now = booted_at
        self.schedule: Callable[[Activity, float], None] = lambda activity, at: None  # set by the network
        self.main = Activity(self)
        self.beside = Activity(self)  # what its updater does while the sketch runs
        self.deaf_until = booted_at
        make = self.make_updater
        self.updater = make(self, factory_image(self.sketch), factory_facts(self.sketch)) if make else None

    # -- running

    def start(self, boot: bool) -> None:
        """Begin: with a reset, or in the midst of life."""
        self.presenting, self.awaiting, self.is_running = False, None, not boot
        self.main.scripts = [self.boot() if boot else self.life()]

    def wake(self, at: float) -> None:
        """Go on with the main script at that time, whatever it waits for."""
        self.schedule(self.main, at)

    def run_beside(self, script: Script) -> None:
        """Run a script while the sketch goes on; it takes the place of the one before."""
        self.beside.scripts = [script]
        self.schedule(self.beside, self.now)

    def is_alive(self, at: float) -> bool:
        """True until it goes silent for good."""
        return self.silent_since_days is None or at < self.anchor - self.silent_since_days * DAY

    def hears(self, at: float) -> bool:
        """True when the sketch leaves the radio on."""
        return True

    def listens(self, at: float) -> bool:
        """True when what is sent at that moment arrives."""
        if not self.is_alive(at) or at < self.deaf_until:
            return False
        return (self.updater is not None and self.updater.is_busy) or (self.is_running and self.hears(at))

    # -- the scripts of the library

    def boot(self) -> Script:
        """Everything from a reset on: firmware, id, presentation, first values, life."""
        if self.updater is not None and not self.answered:
            yield from self.updater.boot()
            while not self.can_run(self.updater.image):
                yield self.now + self.crash_s * self.pace
                yield from self.updater.boot()
            self.sketch_version = self.updater.sketch_version or self.sketch_version
        self.booted_at = self.now
        self.is_running = True
        yield from self.find_id()
        yield from self.present()
        yield from self.first_values()
        yield from self.life()

    def can_run(self, image: bytes) -> bool:
        """True when the image in the flash is a sketch, not a part of one."""
        return self.updater is None or self.updater.is_whole

    def find_id(self) -> Script:
        """Ask for an id until there is one; an id once given is kept, as an EEPROM does."""
        tries = 0
        while self.node_id == BROADCAST:
            self.token = int(self.now * 1000) % 255
            request = self.internal(Internal.I_ID_REQUEST, child=self.token)
            yield from self.await_answer(request, Internal.I_ID_RESPONSE, ID_WAIT_S * self.pace)
            tries += 1
            if tries % 4 == 0 and self.node_id == BROADCAST:
                yield self.now + ID_PAUSE_S * self.pace

    def await_answer(self, request: Outgoing, answer: Internal, seconds: float) -> Script:
        """Send `request` and wait for an internal message of type `answer`, at most so many seconds."""
        self.awaiting = answer
        yield request
        if self.awaiting is not None:  # the answer may be quicker than the node's own pause
            yield self.now + seconds
        self.awaiting = None

    def present(self) -> Script:
        """Who the node is, in the order of the library; I_CONFIG waits for its answer."""
        self.presenting = True
        if self.updater is not None and not self.answered:
            yield from self.updater.present()
        yield self.message(NODE_CHILD, Command.presentation, self.role, self.library)
        request = self.internal(Internal.I_CONFIG, self.parent)
        wait = 0.03 if self.answered else CONFIG_WAIT_S * self.pace
        yield from self.await_answer(request, Internal.I_CONFIG, wait)
        yield self.internal(Internal.I_SKETCH_NAME, self.sketch)
        yield self.internal(Internal.I_SKETCH_VERSION, self.sketch_version)
        for child in self.children:
            yield self.message(child.child_id, Command.presentation, child.type, child.description)
        if self.rssi is not None:
            yield self.internal(Internal.I_SIGNAL_REPORT_RESPONSE, self.signal("R"))
        self.presenting = False

    def first_values(self) -> Script:
        """What the sketch sends when it has just started."""
        for task in self.tasks:
            if task.at_boot:
                yield from task.run(self)

    def life(self) -> Script:
        """Everything that follows: each task at its times."""
        due = [task.next_at(self, self.now) for task in self.tasks]
        while due:
            which = due.index(min(due))
            task = self.tasks[which]
            yield due[which]
            yield from task.run(self)
            due[which] = task.next_at(self, self.now)

    def alive(self) -> Script:
        """A heartbeat."""
        yield self.heartbeat()

    def reset_s(self, at: float) -> float:
        """How long a reset takes that begins at `at`: 1 to 2 seconds."""
        return 1 + self.noise.chance(f"reboot {self.node_id}", int(at))

    def reboot(self, at: float) -> None:
        """Start anew after a moment in which nothing is heard."""
        self.beside.scripts = []
        self.start(boot=True)
        self.deaf_until = at + self.reset_s(at) * self.pace
        self.wake(self.deaf_until)

    # -- what comes in

    def receive(self, message: Incoming, at: float) -> list[Outgoing]:
        """Take what a controller sent; returns the answers in order, the library's echo first."""
        self.now = at
        if self.updater is not None and self.updater.takes(message):
            self.updater.receive(message)
            return []
        answers = []
        if message.echo and message.node != BROADCAST:
            answers.append(
                Outgoing(self.node_id, message.child, message.command, 1, message.type, message.payload)
            )
        if message.command == Command.internal:
            answers += self.on_internal(message.type, message.payload, message.child)
        elif message.command == Command.set:
            answers += self.on_set(message.child, message.type, message.payload.decode("utf-8", "replace"))
        elif message.command == Command.req:
            answers += self.on_request(message.child, message.type)
        return answers

    def on_internal(self, type: int, payload: bytes, child: int) -> list[Outgoing]:
        """The library's answers to C_INTERNAL."""
        text = payload.decode("ascii", "replace")
        match type:
            case Internal.I_CONFIG:
                self.metric = text[:1] in ("M", "\0")
                self.got_answer(Internal.I_CONFIG)
            case Internal.I_ID_RESPONSE:
                self.on_id(text, child)
            case Internal.I_TIME if text.isdecimal():
                self.controller_time = int(text)
            case Internal.I_PRESENTATION if not self.presenting:
                self.interrupt(self.present())
            case Internal.I_REBOOT:
                self.on_reboot()
            case Internal.I_HEARTBEAT_REQUEST:
                return [self.heartbeat()]
            case Internal.I_VERSION:
                return self.on_version()
            case Internal.I_SIGNAL_REPORT_REQUEST:
                return [self.internal(Internal.I_SIGNAL_REPORT_RESPONSE, self.signal(text))]
        return []

    def on_id(self, text: str, child: int) -> None:
        """I_ID_RESPONSE: taken where it was asked for, with the token of the request or without one."""
        is_ours = self.awaiting == Internal.I_ID_RESPONSE and child in (self.token, NODE_CHILD)
        if is_ours and text.isdecimal() and 0 < int(text) < BROADCAST:
            self.node_id = int(text)
            self.got_answer(Internal.I_ID_RESPONSE)

    def on_reboot(self) -> None:
        """I_REBOOT."""
        self.reboot(self.now)

    def on_version(self) -> list[Outgoing]:
        """I_VERSION: 0xMMmmppRR (`core/Version.h`), RR 1 for an alpha and FF for a release; from 2.3.1 on."""
        release, _, suffix = self.library.partition("-")
        numbers = tuple(map(int, release.split(".")))
        if numbers < VERSION_ANSWERED:
            return []
        number = int.from_bytes((*numbers, 1 if suffix else 255), "big")
        return [self.internal(Internal.I_VERSION, number)]

    def on_set(self, child: int, type: int, text: str) -> list[Outgoing]:
        """What the sketch does with a value that it is sent. Returns its answer."""
        return []

    def on_request(self, child: int, type: int) -> list[Outgoing]:
        """The sketch's answer to C_REQ."""
        return []

    def got_answer(self, type: int) -> None:
        """Go on where the script waits for an answer of this type."""
        if self.awaiting == type:
            self.awaiting = None
            self.wake(self.now)

    def interrupt(self, script: Script) -> None:
        """Do `script` first, then go on as before."""
        self.main.scripts.append(chain(script, [self.main.rests_until]))
        self.wake(self.now)

    # -- what goes out

    def message(self, child: int, command: Command, type: int, payload: object = "") -> Outgoing:
        """A message of this node."""
        return Outgoing(self.node_id, child, command, 0, type, str(payload).encode())

    def internal(self, type: Internal | int, payload: object = "", child: int = NODE_CHILD) -> Outgoing:
        """An internal message."""
        return self.message(child, Command.internal, type, payload)

    def value(self, child: int, type: SetReq | int, payload: object) -> Outgoing:
        """A value of a child."""
        return self.message(child, Command.set, type, payload)

    def heartbeat(self) -> Outgoing:
        """Milliseconds since the transport became ready."""
        return self.internal(
            Internal.I_HEARTBEAT_RESPONSE, int((self.now - self.booted_at) * 1000) & 0xFFFFFFFF
        )

    def signal(self, what: str) -> int:
        """Answer to a signal report request: dBm, dB or per cent, by its letter (`core/MyTransport.h`)."""
        if self.rssi is None:
            return NO_SIGNAL_REPORT
        rssi = self.rssi + round(3 * self.noise.smooth(f"rssi {self.node_id}", self.now / 900))
        reports = {
            "R": rssi,
            "R!": rssi - 2,
            "S": (rssi + 100) // 4,
            "S!": (rssi + 98) // 4,
            "P": 100,
            "T": 5,
            "U": min(100, max(0, 2 * (rssi + 110))),
        }
        return reports.get(what, NO_SIGNAL_REPORT)

    # -- when

    def slot(self, after: float, period: float, name: str = "") -> float:
        """The first time after `after` of something done every `period` seconds, from absolute time.

        Each node has its own phase, and no crystal is exact: up to 1 % of the period, 3 s at most, off.
        """
        key = f"slot {self.node_id} {period} {name}"
        phase = self.noise.fixed(key) * period
        number, at = int((after - phase) // period), after
        while at <= after:
            at = number * period + phase + min(0.01 * period, 3.0) * self.noise.chance(key, number)
            number += 1
        return at
