"""Drives the socket of a paho client by the event loop, so that a message needs no thread to be handed on."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from paho.mqtt import client as paho

from ingest.mqtt.paho_client import KEEPALIVE_S

READ_ROUNDS = 200  # packets that are read before others on the loop have their turn


class LoopSocket:
    """A socket from `start()` to `stop()`.

    With `check_first`, `is_broker(first)` gets the first byte before paho does, b"" where the other side has
    closed, and says whether paho may read on; `on_fault(error)` gets what went wrong when looking for it.
    """

    def __init__(
        self,
        client: paho.Client,
        check_first: bool,
        is_broker: Callable[[bytes], bool],
        on_fault: Callable[[OSError], object],
    ) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._is_checked = not check_first
        self._is_broker, self._on_fault = is_broker, on_fault
        self._socket: socket.socket | None = None
        self._descriptor = -1  # of the socket
        self._is_paused = self._writes = False
        self._housekeeping: asyncio.TimerHandle | None = None

    def start(self, sock: socket.socket) -> None:
        """Read and write from now on."""
        self._socket, self._descriptor = sock, sock.fileno()
        self._loop.add_reader(self._descriptor, self.read)
        self.write_on()

    def stop(self) -> None:
        """Close the socket."""
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        sock, self._socket = self._socket, None
        if sock is not None:
            # By number: paho may have closed the socket, and the next one gets the same number.
            self._loop.remove_reader(self._descriptor)
            self._loop.remove_writer(self._descriptor)
            sock.close()

    def read(self) -> None:
        """Let paho take what has come."""
        if not self._is_checked and not self._check_first():
            return
        client = self._client
        for _ in range(READ_ROUNDS):
            before = self._socket
            if before is None or client.loop_read() != paho.MQTT_ERR_SUCCESS or self._is_paused:
                break
            if not _has_more(before):
                break
        self.write_on()

    def read_first(self) -> None:
        """Take the reason with which the broker has ended the connection, which a failed write would lose."""
        if self._socket is not None and not self._is_paused:
            self.read()

    def _check_first(self) -> bool:
        """Look at the first byte: another server's greeting would confuse the parser of MQTT."""
        assert self._socket is not None
        try:
            first = self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError as error:
            self._on_fault(error)
            return False
        self._is_checked = True
        return self._is_broker(first)

    def provoke(self) -> None:
        """Send what makes a server of lines, such as one of HTTP, answer; no use is left for a broker."""
        if self._socket is not None:
            try:
                self._socket.send(b"\r\n\r\n")
            except OSError as error:
                self._on_fault(error)

    def write_on(self) -> None:
        """Send what waits, the rest as soon as the socket takes it.

        It is sent in as few segments as possible, because each one wakes the broker.
        """
        sock, client = self._socket, self._client
        if sock is None:
            return
        if client.want_write():
            _cork(sock, True)
            client.loop_write()
            _cork(sock, False)
        wants = client.want_write()
        if self._socket is None:  # it was closed meanwhile
            return
        if wants and not self._writes:
            self._loop.add_writer(self._descriptor, self.write_on)
        elif self._writes and not wants:
            self._loop.remove_writer(self._descriptor)
        self._writes = wants

    def keep_house(self) -> None:
        """Send what keeps the connection alive, again and again.

        While reading is paused, a missing answer says nothing.
        """
        if not self._is_paused:
            self._client.loop_misc()
            self.write_on()
        if self._socket is not None:
            self._housekeeping = self._loop.call_later(KEEPALIVE_S / 6, self.keep_house)

    def pause_reading(self) -> None:
        """Leave what comes in the socket, so that the broker waits."""
        if self._socket is not None and not self._is_paused:
            self._is_paused = True
            self._loop.remove_reader(self._descriptor)

    def resume_reading(self) -> None:
        """Read on."""
        if self._socket is not None and self._is_paused:
            self._is_paused = False
            self._loop.add_reader(self._descriptor, self.read)
            self._loop.call_soon(self.read_first)


def _cork(sock: socket.socket, is_on: bool) -> None:
    """Keep what is written until it fills a segment, or send it."""
    if hasattr(socket, "TCP_CORK"):  # of Linux
        with suppress(OSError):  # closed meanwhile
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, is_on)


def _has_more(sock: socket.socket) -> bool:
    """Whether a packet may wait: without asking, one read of the loop would be one packet."""
    if isinstance(sock, ssl.SSLSocket):
        return sock.pending() > 0
    try:
        return bool(sock.recv(1, socket.MSG_PEEK))
    except OSError:
        return False
