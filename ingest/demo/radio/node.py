"""What every demo node does by itself: the library under the sketch. Pure, on a clock that others drive.

A node is a script, a generator that yields what it sends (Outgoing) and until when it rests (unix seconds).
`ingest.demo.radio.network` runs the scripts. Facts of the wire: the order after a reset and the answers are those of
`core/MySensorsCore.cpp` and `core/MyTransport.cpp`, library 2.3.2 and 2.4.0-alpha.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ingest.demo.radio.world import DAY
from ingest.demo.wire import Incoming, Outgoing
from ingest.mysensors.protocol import BROADCAST, NODE_CHILD, Command, Internal, Presentation

Script = Iterator[Outgoing | float]
CONFIG_WAIT_S = 2.0  # for the answer to I_CONFIG
ID_WAIT_S = 2.0  # for the answer to I_ID_REQUEST, 4 times, then 10 s of nothing
NO_SIGNAL_REPORT = -256


class Child(NamedTuple):
    """A sensor of a node as it presents itself."""

    child_id: int
    type: Presentation
    description: str = ""


class Task(NamedTuple):
    """Something a sketch does again and again."""

    next_at: Callable[[float], float]  # the first time after the given one
    run: Callable[[], Script]
    at_boot: bool = True


class DemoNode:
    """A node that is awake all the time. Sketches are subclasses: they say who they are and what they do.

    `world` is what there is to measure, `anchor` the moment (unix seconds) around which batteries and other
    one-off fates are arranged, `booted_at` since when it runs.
    """

    node_id = BROADCAST  # "no id yet"
    parent = 0
    sketch = ""
    sketch_version = "1.0"
    library = "2.3.2"
    repeater = False
    children: tuple[Child, ...] = ()
    rssi: int | None = None  # dBm; None: built without MY_SIGNAL_REPORT_ENABLED
    silent_since_days: float | None = None  # before the anchor

    def __init__(self, world, anchor, booted_at):
        self.world = world
        self.noise = world.noise
        self.anchor = anchor
        self.booted_at = booted_at
        self.now = booted_at
        self.rests_until = booted_at
        self.pace = 1.0  # house seconds in a second of the people who talk with the house
        self.answered = False  # nobody is there to answer, yet answers are taken for given
        self.wake: Callable[[float], None] = lambda at: None  # set by the house
        self.ticket = 0
        self.scripts: list[Script] = []
        self.deaf_until = booted_at
        self.awaiting: int | None = None
        self.token = NODE_CHILD
        self.presenting = False
        self.metric: bool | None = None
        self.controller_time: int | None = None

    # -- running

    def start(self, boot):
        """Begin: with a reset, or in the midst of life."""
        self.presenting, self.awaiting = False, None
        self.scripts = [self.boot() if boot else self.life()]

    def resume(self):
        """The next thing the node does: an Outgoing, a time to rest until, or None when it has ended."""
        while self.scripts:
            try:
                return next(self.scripts[-1])
            except StopIteration:
                self.scripts.pop()
        return None

    def is_alive(self, at):
        """True until it goes silent for good."""
        return self.silent_since_days is None or at < self.anchor - self.silent_since_days * DAY

    def hears(self, at):
        """True when the sketch leaves the radio on."""
        return True

    def listens(self, at):
        """True when what is sent at that moment arrives."""
        return self.is_alive(at) and at >= self.deaf_until and self.hears(at)

    # -- the scripts of the library

    def boot(self):
        """Everything from a reset on: id, presentation, first values, life."""
        self.booted_at = self.now
        yield from self.find_id()
        yield from self.present()
        yield from self.first_values()
        yield from self.life()

    def find_id(self):
        """Ask for an id until there is one; an id once given is kept, as an EEPROM does."""
        tries = 0
        while self.node_id == BROADCAST:
            self.token = int(self.now * 1000) % 255
            request = self.internal(Internal.I_ID_REQUEST, child=self.token)
            yield from self.await_answer(request, Internal.I_ID_RESPONSE, ID_WAIT_S * self.pace)
            tries += 1
            if tries % 4 == 0 and self.node_id == BROADCAST:
                yield self.now + 10 * self.pace

    def await_answer(self, request, answer, seconds):
        """Send `request` and wait for an internal message of type `answer`, at most so many seconds."""
        self.awaiting = answer
        yield request
        if self.awaiting is not None:  # the answer may be quicker than the node's own pause
            yield self.now + seconds
        self.awaiting = None

    def present(self):
        """Who the node is, in the order of the library; I_CONFIG waits for its answer."""
        self.presenting = True
        yield self.say(NODE_CHILD, Command.presentation, self.role, self.library)
        request = self.internal(Internal.I_CONFIG, self.parent)
        wait = 0.03 if self.answered else CONFIG_WAIT_S * self.pace
        yield from self.await_answer(request, Internal.I_CONFIG, wait)
        yield self.internal(Internal.I_SKETCH_NAME, self.sketch)
        yield self.internal(Internal.I_SKETCH_VERSION, self.sketch_version)
        for child in self.children:
            yield self.say(child.child_id, Command.presentation, child.type, child.description)
        self.presenting = False

    def tasks(self):
        """What the sketch does again and again."""
        return ()

    def first_values(self):
        for task in self.tasks():
            if task.at_boot:
                yield from task.run()

    def life(self):
        tasks = self.tasks()
        due = [task.next_at(self.now) for task in tasks]
        while due:
            at = min(due)
            which = due.index(at)
            yield at
            yield from tasks[which].run()
            due[which] = tasks[which].next_at(self.now)

    def reboot(self, at):
        """Start anew, 1 to 2 seconds after `at`; deaf until then."""
        self.scripts = [self.boot()]
        self.presenting, self.awaiting = False, None
        self.deaf_until = at + (1 + self.noise.chance(f"reboot {self.node_id}", int(at))) * self.pace
        self.wake(self.deaf_until)

    # -- what comes in

    def receive(self, message: Incoming, at):
        """Take what a controller sent and return the answers, in order: the echo comes first, from the library."""
        self.now = at
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
        elif message.command == Command.stream:
            answers += self.on_stream(message.type, message.payload)
        return answers

    def on_internal(self, type, payload, child):
        text = payload.decode("ascii", "replace")
        if type == Internal.I_CONFIG:
            self.metric = text[:1] in ("M", "\0")
            self.got_answer(type)
        elif type == Internal.I_ID_RESPONSE and self.awaiting == type and child in (self.token, NODE_CHILD):
            if text.isdecimal() and 0 < int(text) < BROADCAST:
                self.node_id = int(text)
                self.got_answer(type)
        elif type == Internal.I_TIME and text.isdecimal():
            self.controller_time = int(text)
        elif type == Internal.I_PRESENTATION and not self.presenting:
            self.interrupt(self.present())
        elif type == Internal.I_REBOOT:
            self.reboot(self.now)
        elif type == Internal.I_HEARTBEAT_REQUEST:
            return [self.heartbeat()]
        elif type == Internal.I_VERSION and self.version_number():
            return [self.internal(Internal.I_VERSION, self.version_number())]
        elif type == Internal.I_SIGNAL_REPORT_REQUEST:
            return [self.internal(Internal.I_SIGNAL_REPORT_RESPONSE, self.signal(text))]
        return []

    def on_set(self, child, type, text):
        """What the sketch does with a value that it is sent. Returns what it says to that."""
        return []

    def on_request(self, child, type):
        """The sketch's answer to C_REQ."""
        return []

    def on_stream(self, type, data):
        """What comes in over C_STREAM; a sketch without the firmware feature takes nothing."""
        return []

    def got_answer(self, type):
        if self.awaiting == type:
            self.awaiting = None
            self.wake(self.now)

    def interrupt(self, script):
        """Do `script` first, then go on as before."""

        def interlude(until):
            yield from script
            yield until

        self.scripts.append(interlude(self.rests_until))
        self.wake(self.now)

    # -- what goes out

    @property
    def role(self):
        return Presentation.S_ARDUINO_REPEATER_NODE if self.repeater else Presentation.S_ARDUINO_NODE

    def say(self, child, command, type, payload=""):
        return Outgoing(self.node_id, child, command, 0, type, str(payload).encode())

    def internal(self, type, payload="", child=NODE_CHILD):
        return self.say(child, Command.internal, type, payload)

    def value(self, child, type, payload):
        return self.say(child, Command.set, type, payload)

    def heartbeat(self):
        """Milliseconds since the transport became ready."""
        return self.internal(
            Internal.I_HEARTBEAT_RESPONSE, int((self.now - self.booted_at) * 1000) & 0xFFFFFFFF
        )

    def version_number(self):
        """0xMMmmppRR (`core/Version.h`), RR 1 for an alpha and FF for a release; None before 2.3.1."""
        release, _, suffix = self.library.partition("-")
        numbers = tuple(int(part) for part in release.split("."))
        if numbers < (2, 3, 1):
            return None
        return int.from_bytes(bytes((*numbers, 1 if suffix else 255)), "big")

    def signal(self, what):
        """Answer to a signal report request: dBm, dB or per cent, as the letter asks (`core/MyTransport.h`)."""
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

    def slot(self, after, period, name=""):
        """The first time after `after` of something done every `period` seconds, from absolute time.

        Each node has its own phase, and the crystal of none is right: up to 1 % of the period, 3 s at most, off.
        """
        key = f"slot {self.node_id} {period} {name}"
        phase = self.noise.fixed(key) * period
        number = int((after - phase) // period)
        while True:
            at = number * period + phase + min(0.01 * period, 3.0) * self.noise.chance(key, number)
            if at > after:
                return at
            number += 1

    def every(self, period, run, at_boot=True):
        """A Task that runs every `period` seconds."""
        name = run.__name__
        return Task(lambda after: self.slot(after, period, name), run, at_boot)
