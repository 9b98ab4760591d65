"""A MUST EP20 on a pseudo terminal: answers as the device does, and fails on request."""

import os
import select
import socket
import struct
import threading
import time
import tty
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from ingest.demo.ups.mains import Mains, UpsBattery, wobble
from ingest.must import protocol, registers

# Answers captured from a device, as registers 30000-30026: on battery with 114 W, and on mains, battery full.
# fmt: off
ON_BATTERY = (
    2, 36402, 3, 12, 1000, 0, 0, 2209, 500, 7, 114, 172, 11, 0,
    123, 65450, 0, 52, 32, 2, 0, 0, 0, 0, 0, 1, 1,
)
ON_LINE = (
    2, 36402, 4, 12, 1000, 2230, 500, 2228, 500, 13, 172, 299, 17, 0,
    135, 16, 0, 100, 32, 0, 0, 0, 0, 2, 1, 1, 1,
)
# fmt: on
SETTINGS = (0, 230, 105, 141, 135, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1)  # 31000-31017 of a 12 V device

FAULTS = ("silent", "zeros", "crc", "short", "noise", "late", "split", "exception", "unit", "long", "unplug")
BATTERY = UpsBattery(watt_hours=560, watts=118, recharge_s=8 * 3600)


def model(t: float, mains: Mains | None = None) -> tuple[int, ...]:
    """Registers 30000-30026 of a 1 kW device with a 55 Ah battery in the demo at `t`, unix seconds."""
    mains = mains or Mains()
    on_battery = mains.failure_at(t) is not None
    charge = BATTERY.charge(mains, t)
    watts = 118 + 9 * wobble("ep20 load", t, 600) + 3 * wobble("ep20 fast", t, 15)
    volt_amperes = watts / 0.62
    temperature = 30 + 3 * wobble("ep20 heat", t, 7200) + (4 if on_battery else 0)
    if on_battery:
        state, grid, hertz, out, avr, stage, flag = registers.BACKUP, 0.0, 0.0, 220.6, 2, 0, 0
        volts = 11.2 + 1.5 * charge / 100
        amperes = -watts / volts * 0.93
    else:
        grid, hertz = mains.voltage(t), mains.frequency(t)
        avr = 2 if grid < 210 else 0
        state, out, flag = registers.LINE, grid * 1.12 if avr else grid - 0.2, 1
        full = charge >= 99.5
        stage = 2 if full else 1 if charge > 90 else 0
        volts = 13.5 if full else 12.6 + 1.4 * charge / 100
        amperes = 0.3 if full else 6.5 if charge < 90 else 1.8
    return (
        2,
        36402,
        state,
        12,
        1000,
        round(grid * 10),
        round(hertz * 10),
        round(out * 10),
        500,
        int(volt_amperes / out * 10),
        int(watts),
        int(volt_amperes),
        int(watts / 10),
        0,
        round(volts * 10),
        round(amperes * 10) & 0xFFFF,
        0,
        int(charge),
        round(temperature),
        avr,
        0,
        0,
        0,
        stage,
        flag,
        1,
        1,
    )


class DemoEP20(AbstractContextManager["DemoEP20"]):
    """Serves a pseudo terminal in a thread; `device` is the name of the port to open.

    `source` gives registers 30000-30026 at a unix time. `fault` is one of FAULTS or None and may be changed
    at any moment; `fail(name, times)` lets only the next answers fail. `link` is a stable name that
    survives `unplug()` and `plug()`.
    """

    late_s = 1.5
    _times = -1

    def __init__(
        self,
        source: Callable[[float], Sequence[int]] = model,
        *,
        link: Path | None = None,
        fault: str | None = None,
    ) -> None:
        self.source, self.link, self.fault = source, link, fault
        self.settings = list(SETTINGS)
        self.controls: list[tuple[int, int]] = []  # what was written from 32000 on: register, value
        self.late_s = 1.5
        self.requests: list[bytes] = []
        self._thread: threading.Thread | None = None
        self._stop, self._stopped = socket.socketpair()
        self.plug()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def plug(self) -> None:
        """Make the port (again)."""
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.device = os.ttyname(slave)
        if self.link:
            if self.link.is_symlink():
                self.link.unlink()
            self.link.symlink_to(self.device)
            self.device = str(self.link)
        self._thread = threading.Thread(target=self._serve, args=(self._master, slave), daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """Take the port away, as pulling the USB cable does."""
        if self._thread:
            self._stop.send(b".")
            self._thread.join()
            self._thread = None
        if self.link:
            self.link.unlink(missing_ok=True)

    def stop(self) -> None:
        """End the thread and free the port."""
        self.unplug()
        self._stop.close()
        self._stopped.close()

    def send(self, noise: bytes) -> None:
        """Send bytes that were not requested."""
        os.write(self._master, noise)

    def fail(self, name: str | None, times: int = -1) -> None:
        """Let the next `times` answers (-1: all) fail in the way `name`."""
        if name is not None and name not in FAULTS:
            raise ValueError(f"{name}: unknown fault; one of {', '.join(FAULTS)}")
        self.fault, self._times = name, times

    def _serve(self, master: int, slave: int) -> None:
        # `slave` stays open, so that the terminal is not hung up while no client has it open.
        pending = b""
        try:
            while True:
                ready, _, _ = select.select([master, self._stopped.fileno()], [], [])
                if self._stopped.fileno() in ready:
                    self._stopped.recv(1)
                    return
                pending += os.read(master, 256)
                while request := self._next_request(pending):
                    pending = pending[len(request) :]
                    self.requests.append(request)
                    if self._answer(master, request) == "unplug":
                        return
                if len(pending) > 64:
                    pending = b""
        finally:
            os.close(slave)
            os.close(master)

    @staticmethod
    def _next_request(pending: bytes) -> bytes:
        """The first whole request, or nothing yet."""
        if len(pending) < 8:
            return b""
        length = 9 + pending[6] if pending[1] == protocol.WRITE else 8
        return pending[:length] if len(pending) >= length else b""

    def _answer(self, master: int, request: bytes) -> str | None:
        if not protocol.crc_fits(request) or request[0] != protocol.UNIT:
            return None
        fault = self._take_fault()
        frame = self._right_answer(request)
        match fault:
            case "silent" | "unplug":
                return fault
            case "zeros":
                frame = protocol.add_crc(frame[:3] + bytes(len(frame) - 5))
            case "crc":
                frame = frame[:-3] + bytes([frame[-3] ^ 0x10]) + frame[-2:]
            case "short":
                frame = frame[:-7]
            case "noise":
                frame = b"\x00\xff\x5a" + frame
            case "exception":
                frame = protocol.add_crc(bytes([frame[0], request[1] | protocol.EXCEPTION_BIT, 2]))
            case "unit":
                frame = protocol.add_crc(b"\x05" + frame[1:-2])
            case "long":
                frame = protocol.add_crc(frame[:2] + bytes([frame[2] + 2]) + frame[3:-2] + b"\x00\x00")
            case "late":
                time.sleep(self.late_s)
            case "split":
                os.write(master, frame[:20])
                time.sleep(0.1)
                frame = frame[20:]
        os.write(master, frame)
        return fault

    def _take_fault(self) -> str | None:
        fault = self.fault
        if fault and self._times > 0:
            self._times -= 1
            if not self._times:
                self.fault = None
        return fault

    def _right_answer(self, request: bytes) -> bytes:
        unit, function, address, count = struct.unpack(">BBHH", request[:6])
        if function == protocol.WRITE and address in (registers.RESET, registers.SHUTDOWN) and count == 1:
            self.controls.append((address, *struct.unpack(">H", request[7:9])))
            return protocol.add_crc(request[:6])
        first = registers.SETTINGS if address >= registers.SETTINGS else registers.STATUS
        block = self.settings if first == registers.SETTINGS else list(self.source(time.time()))
        start = address - first
        is_known = function in (protocol.READ, protocol.WRITE)
        is_writable = function != protocol.WRITE or first == registers.SETTINGS
        if not is_known or not is_writable or start < 0 or start + count > len(block):
            return protocol.add_crc(bytes([unit, function | protocol.EXCEPTION_BIT, 2 if is_known else 1]))
        if function == protocol.WRITE:
            self.settings[start : start + count] = struct.unpack(f">{count}H", request[7 : 7 + 2 * count])
            return protocol.add_crc(request[:6])
        values = block[start : start + count]
        return protocol.add_crc(bytes([unit, function, 2 * count]) + struct.pack(f">{count}H", *values))
