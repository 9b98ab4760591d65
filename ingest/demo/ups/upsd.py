"""A small NUT server: upsd's protocol for UPSes given as functions of time, with faults on request."""

import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from ingest.demo.ups.models import TEST_S, TEST_SAG, DemoUps, demo_upses
from ingest.demo.ups.upsd_dialogue import UpsdServer, close_connection

FAULTS = (
    "frozen",  # takes requests and does not answer
    "late",  # answers `late_s` seconds late: answers shift for a client that goes on after a time-out
    "stale",  # ERR DATA-STALE for every value and list of a UPS
    "driver_gone",  # ERR DRIVER-NOT-CONNECTED for them
    "wait",  # ups.status WAIT and hardly a variable, as after the driver's start
    "truncate_list",  # a list stops in the middle of a line
    "latin1",  # values with bytes that are no UTF-8
    "drop",  # closes the connection instead of answering
    "bare",  # LIST RW, CMD, CLIENT, ENUM, RANGE are ERR INVALID-ARGUMENT, as embedded servers answer
    "shift",  # sends a value that was not requested before each answer
    "denied",  # ERR ACCESS-DENIED for everything
    "crlf",  # lines end in CR LF
    "untracked",  # does not report the outcome of a command or setting, as servers before NUT 2.8
)
BEEPER_STATES = {"beeper.enable": "enabled", "beeper.disable": "disabled", "beeper.mute": "muted"}


class DemoUpsd(AbstractContextManager["DemoUpsd"]):
    """Serves until `stop()`; `port` is the one it got. `users` may set and command, name -> password.

    `clock` gives the time that the UPSes are asked for, `title` stands in the answer to VER. `fail(name,
    ups)` switches a fault on, for one UPS where it concerns one (None: all), `heal()` all of them off.
    """

    late_s = 1.0

    def __init__(
        self,
        upses: Mapping[str, DemoUps] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        users: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
        title: str = "demo house",
    ) -> None:
        self.upses = dict(demo_upses() if upses is None else upses)
        self.users = dict({"operator": "demo"} if users is None else users)
        self.clock = clock
        self.title = title
        self.forced: set[str] = set()  # UPSes whose shutdown a client forced (FSD)
        self.requests: list[str] = []
        self.connections: set[socket.socket] = set()
        self.faults: dict[str, str | None] = {}
        self.overrides: dict[tuple[str, str], str] = {}
        # UPS -> when its last test began, and was stopped
        self.tests: dict[str, tuple[float, float | None]] = {}
        self.logins: dict[str, list[str]] = {}
        # id of a command or setting -> when its driver reports that it is done
        self.tracked: dict[str, float] = {}
        self._server = UpsdServer((host, port), self)
        self.host, self.port = str(self._server.server_address[0]), int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def fail(self, name: str, ups: str | None = None) -> None:
        """Switch a fault of FAULTS on."""
        if name not in FAULTS:
            raise ValueError(f"{name}: unknown fault; one of {', '.join(FAULTS)}")
        self.faults[name] = ups

    def heal(self) -> None:
        """Switch every fault off."""
        self.faults.clear()

    def has(self, name: str, ups: str | None = None) -> bool:
        """Whether a fault is on, for this UPS."""
        return name in self.faults and self.faults[name] in (None, ups)

    def stop(self) -> None:
        """Close the port and every connection, as upsd does when it is stopped."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for connection in list(self.connections):
            close_connection(connection)

    def variables(self, ups: str) -> dict[str, str]:
        """The variables of a UPS now: of its model, what was set, the result of a self-test."""
        now = self.clock()
        values = dict(self.upses[ups].variables(now))
        if self.has("wait", ups):
            values = {k: v for k, v in values.items() if k.startswith("driver.")} | {"ups.status": "WAIT"}
        values |= {var: value for (owner, var), value in self.overrides.items() if owner == ups}
        if ups in self.tests:
            begun, ended = self.tests[ups]
            values["ups.test.result"] = "In progress" if now < begun + TEST_S else "Done and passed"
            if ended is not None:
                values["ups.test.result"] = "Aborted"
            elif now < begun + TEST_S and "battery.voltage" in values:
                values["battery.voltage"] = f"{float(values['battery.voltage']) * TEST_SAG:.1f}"
        if ups in self.forced:
            values["ups.status"] = f"FSD {values['ups.status']}"
        return values

    def command(self, ups: str, command: str, value: str = "") -> None:
        """The visible effect of an instant command, whose value is not used."""
        values = self.variables(ups)
        match command:
            case "beeper.enable" | "beeper.disable" | "beeper.mute":
                self.overrides[ups, "ups.beeper.status"] = BEEPER_STATES[command]
            case "beeper.toggle":
                is_on = values.get("ups.beeper.status") == "enabled"
                self.overrides[ups, "ups.beeper.status"] = "disabled" if is_on else "enabled"
            case "test.battery.stop" if values.get("ups.test.result") == "In progress":
                self.tests[ups] = (self.tests.get(ups, (self.clock(),))[0], self.clock())
            case "load.off":
                self.overrides[ups, "ups.status"] = "OFF"
            case "load.on":
                self.overrides.pop((ups, "ups.status"), None)
            case _ if command.startswith("test.battery.start"):
                self.tests[ups] = (self.clock(), None)
