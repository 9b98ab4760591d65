"""The byte pipe under a gateway: TCP or serial, opened again for ever. The two differ in how they open only."""

import asyncio
import errno
import logging
import os
import socket
import termios

import serial

log = logging.getLogger(__name__)

CONNECT_S = 10.0
FIRST_BACKOFF_S, LAST_BACKOFF_S = 1.0, 10.0
SETTLE_S = (
    0.05  # of silence after a serial port is opened: what comes after it begins with the beginning of a line
)
REMEDIES = {
    errno.ENOENT: "is it plugged in? Names under /dev/serial/by-id stay the same",
    errno.EACCES: "add the user to the group dialout",
    errno.EBUSY: "another program has the port open",
    errno.EAGAIN: "another program has the port open",
    errno.ECONNREFUSED: "nothing listens there: is the gateway on, is the port right?",
    errno.EHOSTUNREACH: "no way to that host: is the gateway on, is the address right?",
}


async def open_tcp(gateway):
    """Connect by TCP. Raises OSError or TimeoutError.

    Keepalive notices a dead peer within 30 s even where nothing is ever sent.
    """
    host, _, port = gateway.config.tcp.rpartition(":")
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(CONNECT_S):
        transport, _ = await loop.create_connection(lambda: gateway, host.strip("[]"), int(port))
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 10), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3)):
        connection.setsockopt(socket.IPPROTO_TCP, option, value)
    return transport


class SerialTransport:
    """A serial port as an asyncio transport: pyserial opens it, the event loop reads and writes it."""

    def __init__(self, loop, port, protocol):
        self._loop, self._port, self._protocol = loop, port, protocol
        self._waiting = b""
        self._closing = False
        self.suspect = False
        os.set_blocking(port.fileno(), False)

    def _read(self):
        try:
            data = os.read(self._port.fileno(), 65536)
        except BlockingIOError:
            return None
        except OSError as error:
            return self._lose(error)
        if not data:
            return self._lose(OSError(errno.ENODEV, "the port is gone: unplugged?"))
        self._protocol.data_received(data)

    def write(self, data):
        """Queue bytes; a port that takes none for a while keeps them waiting."""
        if self._closing:
            return
        self._waiting += data
        self._flush()

    def _flush(self):
        try:
            written = os.write(self._port.fileno(), self._waiting)
        except BlockingIOError:
            written = 0
        except OSError as error:
            return self._lose(error)
        self._waiting = self._waiting[written:]
        if self._waiting:
            self._loop.add_writer(self._port.fileno(), self._flush)
        else:
            self._loop.remove_writer(self._port.fileno())

    def pause_reading(self):
        self._loop.remove_reader(self._port.fileno())

    def resume_reading(self):
        self._loop.add_reader(self._port.fileno(), self._read)

    def is_closing(self):
        return self._closing

    def _lose(self, error):
        self.abort()
        self._protocol.connection_lost(error)

    def abort(self):
        """Close the port at once."""
        if self._closing:
            return
        self._closing = True
        self._loop.remove_reader(self._port.fileno())
        self._loop.remove_writer(self._port.fileno())
        self._port.close()


async def open_serial(gateway):
    """Open the port for us alone. Raises OSError (SerialException is one) or ValueError.

    pyserial throws away what waited in it. Bytes that come right after may belong to a line that began before: the
    transport is `suspect` then.
    """
    config = gateway.config
    try:
        port = await asyncio.to_thread(
            serial.Serial, config.serial, config.baudrate, timeout=0, write_timeout=0, exclusive=True
        )
    except termios.error as error:  # not an OSError, and what pyserial lets through when a port goes away
        raise OSError(*error.args) from error
    loop = asyncio.get_running_loop()
    transport = SerialTransport(loop, port, gateway)
    await asyncio.sleep(SETTLE_S)
    transport.suspect = port.in_waiting > 0
    gateway.connection_made(transport)
    transport.resume_reading()
    return transport


async def run_gateway(gateway):
    """Keep the gateway connected until cancelled; say in words, once for each change, what is wrong."""
    config, health = gateway.config, gateway.health
    backoff = FIRST_BACKOFF_S
    reported = None
    while True:
        received_any = False
        try:
            transport = await (open_tcp if config.tcp else open_serial)(gateway)
        except (OSError, ValueError) as error:  # ValueError: a baud rate or a host name that cannot be
            reason = explain(error)
        else:
            try:
                reason, received_any = await gateway.lost
            finally:
                transport.abort()
            if not received_any and config.tcp:
                reason += "; it sent nothing: another program may hold the gateway's only place for a client"
        if received_any:
            backoff, reported = FIRST_BACKOFF_S, None
        if reason != reported:
            log.warning(
                "Gateway %s (%s): %s; retrying every %g to %g s",
                config.name,
                config.address,
                reason,
                FIRST_BACKOFF_S,
                LAST_BACKOFF_S,
            )
            reported = reason
        health.fail("lost", reason)
        await asyncio.sleep(backoff)
        backoff = min(backoff * 2, LAST_BACKOFF_S)


def explain(error):
    """What went wrong when opening, with the remedy where there is one."""
    if isinstance(error, TimeoutError):
        return f"no answer within {CONNECT_S:.0f} s: is the gateway on, is the address right?"
    number = getattr(error, "errno", None)
    if (
        number is None
    ):  # pyserial, and asyncio where a name has several addresses, keep the number in the text
        number = next((n for n in REMEDIES if f"[Errno {n}]" in str(error)), None)
    if isinstance(error, socket.gaierror):  # its numbers are of a kind of their own
        return f"{error.strerror}: is the name of the gateway right?"
    text = os.strerror(number) if number else str(error)
    return f"{text}: {REMEDIES[number]}" if number in REMEDIES else text
