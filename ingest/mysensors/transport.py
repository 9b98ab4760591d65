"""The byte pipe under a gateway: TCP or serial, reopened without limit. They differ in how they open only.

Gateways that dial in have a module of their own, `listener`, and so have those by MQTT, `mqtt_gateway`.
"""

import asyncio
import errno
import logging
import os
import socket
import termios

import serial

from ingest.mysensors.gateway import Gateway
from ingest.mysensors.limited_reads import READ_SIZE, LimitedReads
from ingest.mysensors.listener import run_listener
from ingest.mysensors.settings import GatewayTiming
from ingest.mysensors.socket_options import guard_connection
from ingest.process.backoff import Backoff

log = logging.getLogger(__name__)

REMEDIES = {
    errno.ENOENT: "is it plugged in? Names under /dev/serial/by-id stay the same",
    errno.EACCES: "add the user to the group dialout",
    errno.EBUSY: "another program has the port open",
    errno.EAGAIN: "another program has the port open",
    errno.ECONNREFUSED: "nothing listens there: is the gateway on, is the port right?",
    errno.EHOSTUNREACH: "no route to that host: is the gateway on, is the address right?",
}


async def open_tcp(gateway: Gateway, address: str) -> asyncio.Transport:
    """Connect to HOST:PORT by TCP. Raises OSError or TimeoutError."""
    host, _, port = address.rpartition(":")
    loop, missed_s = asyncio.get_running_loop(), gateway.running.missed_s
    try:
        async with asyncio.timeout(gateway.timing.connect_s):
            transport, _ = await loop.create_connection(lambda: gateway, host.strip("[]"), int(port))
    except TimeoutError:
        if gateway.running.missed_s == missed_s:
            raise
        return await open_tcp(gateway, address)  # the time-out was ours
    guard_connection(transport.get_extra_info("socket"))
    return transport


class SerialTransport(asyncio.Transport):
    """A serial port as an asyncio transport: pyserial opens it, the event loop reads and writes it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        port: serial.Serial,
        protocol: LimitedReads,
        starts_mid_line: bool,
    ) -> None:
        super().__init__({"starts_mid_line": starts_mid_line})
        self._loop, self._port, self._protocol = loop, port, protocol
        self._waiting = b""
        self._closing = False
        os.set_blocking(port.fileno(), False)

    def _read(self) -> None:
        try:
            data = os.read(self._port.fileno(), READ_SIZE)
        except BlockingIOError:
            pass
        except OSError as error:
            self._lose(error)
        else:
            if data:
                self._protocol.data_received(data)
            else:
                self._lose(OSError(errno.ENODEV, "the port is gone: unplugged?"))

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Queue bytes; a port that takes none for a while keeps them waiting."""
        if not self._closing:
            self._waiting += data
            self._flush()

    def _flush(self) -> None:
        try:
            written = os.write(self._port.fileno(), self._waiting)
        except BlockingIOError:
            written = 0
        except OSError as error:
            self._lose(error)
            return
        self._waiting = self._waiting[written:]
        if self._waiting:
            self._loop.add_writer(self._port.fileno(), self._flush)
        else:
            self._loop.remove_writer(self._port.fileno())

    def pause_reading(self) -> None:
        """Leave what comes in the port."""
        self._loop.remove_reader(self._port.fileno())

    def resume_reading(self) -> None:
        """Hand what comes to the protocol."""
        self._loop.add_reader(self._port.fileno(), self._read)

    def is_closing(self) -> bool:
        """Whether the port is closed."""
        return self._closing

    def _lose(self, error: OSError) -> None:
        self.abort()
        self._protocol.connection_lost(error)

    def abort(self) -> None:
        """Close the port at once."""
        if not self._closing:
            self._closing = True
            self._loop.remove_reader(self._port.fileno())
            self._loop.remove_writer(self._port.fileno())
            self._port.close()


async def open_transport(gateway: Gateway) -> asyncio.Transport:
    """Open what the gateway's settings name. Raises OSError or ValueError."""
    if gateway.opener is not None:
        return await gateway.opener()
    if gateway.settings.tcp:
        return await open_tcp(gateway, gateway.settings.tcp)
    return await open_serial(gateway, gateway.settings.serial or "")


async def open_serial(gateway: Gateway, device: str) -> asyncio.Transport:
    """Open the port for us alone. Raises OSError (SerialException is one) or ValueError.

    pyserial throws away what waited in it. Bytes that come right after may belong to a line that began
    before: the connection starts in the middle of a line then.
    """
    try:
        port = await asyncio.to_thread(
            serial.Serial, device, gateway.settings.baudrate, timeout=0, write_timeout=0, exclusive=True
        )
    except termios.error as error:  # not an OSError, and what pyserial lets through when a port goes away
        raise OSError(*error.args) from error
    try:
        await asyncio.sleep(gateway.timing.settle_s)
        starts_mid_line = port.in_waiting > 0
    except BaseException:
        port.close()
        raise
    transport = SerialTransport(asyncio.get_running_loop(), port, gateway, starts_mid_line)
    gateway.connection_made(transport)
    transport.resume_reading()
    return transport


async def run_gateway(gateway: Gateway) -> None:
    """Keep the gateway connected until cancelled; log what is wrong, once for each change.

    The pauses between attempts begin anew after a connection that was stable.
    """
    settings, timing = gateway.settings, gateway.timing
    if settings.listen:
        await run_listener(gateway)
    backoff = Backoff(timing.first_backoff_s, timing.max_backoff_s)
    logged = None
    while True:
        reason, seconds = await run_connection(gateway)
        if seconds >= timing.stable_s:
            backoff.reset()
            logged = None
        if reason != logged:
            log.warning(
                "Gateway %s (%s): %s; retrying every %g to %g s",
                settings.name,
                settings.address,
                reason,
                timing.first_backoff_s,
                timing.max_backoff_s,
            )
            logged = reason
        gateway.health.fail("lost", reason)
        await asyncio.sleep(backoff.next_s())


async def run_connection(gateway: Gateway) -> tuple[str, float]:
    """Open a connection and wait for its end. Returns the reason, and for how many seconds it was of use."""
    try:
        transport = await open_transport(gateway)
    except (OSError, ValueError) as error:  # ValueError: a baud rate or a host name that cannot be
        return explain(error, gateway.timing.connect_s), 0.0
    assert gateway.end is not None
    try:
        reason, received_any, seconds = await gateway.end
    finally:
        transport.abort()
    if received_any or gateway.settings.mqtt:
        return reason, seconds
    if gateway.settings.tcp:
        reason += "; it sent nothing: another program may hold the gateway's only place for a client"
    return reason, 0.0


def explain(error: Exception, connect_s: float = GatewayTiming.connect_s) -> str:
    """What went wrong when opening, with the remedy where there is one."""
    if isinstance(error, TimeoutError):
        return f"no answer within {connect_s:.0f} s: is the gateway on, is the address right?"
    number = getattr(error, "errno", None)
    # pyserial, and asyncio where a name has several addresses, keep the number in the text.
    if number is None:
        number = next((n for n in REMEDIES if f"[Errno {n}]" in str(error)), None)
    if isinstance(error, socket.gaierror):  # its numbers are of a kind of their own
        return f"{error.strerror}: is the name of the gateway right?"
    text = os.strerror(number) if number else str(error)
    return f"{text}: {REMEDIES[number]}" if number in REMEDIES else text
