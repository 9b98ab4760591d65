"""What a controller connects to: a TCP port, or the end of a serial cable (a pty)."""

import asyncio
import os
import socket
import tty
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ingest.demo.radio.faults import Faults
from ingest.demo.wire import ReceiveBuffer

TURN_S = 0.01  # a gateway's loop handles one line a turn
FRAGMENT_S = 0.002  # between two fragments of a line
UNREAD_LIMIT = 1 << 20  # bytes; a client that leaves so much unread is cut off


class LineReceiver(Protocol):
    """The gateway behind a port."""

    def greet(self) -> None:
        """A controller has connected."""

    def receive(self, line: bytes) -> None:
        """Take a line of a controller."""


class Port(Protocol):
    """What both kinds of ports offer."""

    @property
    def address(self) -> str:
        """Kind and place."""

    async def open(self, gateway: LineReceiver) -> None:
        """Open it. Raises OSError."""

    async def close(self) -> None:
        """Close it, and every connection."""

    def drop(self) -> None:
        """End every connection."""

    def write(self, data: bytes) -> None:
        """Send to every connected controller."""


@dataclass(eq=False)
class Client:
    """One connected controller."""

    writer: asyncio.StreamWriter
    faults: Faults
    lines: int = 0
    waiting: bytearray = field(default_factory=bytearray)

    def write(self, data: bytes) -> None:
        """Send the bytes of one line; closes where a fault is set for that or nothing is read."""
        if self.writer.is_closing():
            return
        limit = self.faults.drop_after
        if limit is not None and self.lines >= limit:
            self.writer.write(data[: len(data) // 2])
            self.writer.close()
            return
        self.lines += 1
        if self.faults.fragment:
            self.waiting += data
        else:
            self.writer.write(data)
        if self.writer.transport.get_write_buffer_size() > UNREAD_LIMIT:
            self.writer.transport.abort()

    async def write_fragments(self) -> None:
        """Send what waits, a few bytes at a time, while the connection lasts."""
        while not self.writer.is_closing():
            size = self.faults.fragment or len(self.waiting)
            self.writer.write(bytes(self.waiting[:size]))
            del self.waiting[:size]
            await asyncio.sleep(FRAGMENT_S)


@dataclass(eq=False)
class TcpPort:
    """Listens on `host` and `port` (0: any free one, then `port` is the real one).

    As `MyGatewayTransportEthernet.cpp` has it: at most `max_clients`, a further one is closed at once
    without a byte; when one connects, all get the greeting.
    """

    host: str
    port: int
    max_clients: int
    faults: Faults
    clients: list[Client] = field(default_factory=list)
    server: asyncio.Server | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def address(self) -> str:
        """`tcp HOST:PORT`."""
        return f"tcp {self.host}:{self.port}"

    async def open(self, gateway: LineReceiver) -> None:
        """Start listening. Raises OSError where the port is taken."""
        self.gateway = gateway
        self.server = await asyncio.start_server(self._connected, self.host, self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self.server:
            self.server.close()
        clients = tuple(self.clients)
        self.drop()
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=0.5)
        for client in clients:  # those that have not read what waits for them
            client.writer.transport.abort()

    def drop(self) -> None:
        """Cut every client off."""
        for client in self.clients:
            client.writer.close()
        self.clients.clear()

    def write(self, data: bytes) -> None:
        """Send to every client."""
        for client in tuple(self.clients):
            client.write(data)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self.clients) >= self.max_clients:
            if not self.faults.newest_wins:
                writer.close()
                return
            self.clients.pop(0).writer.close()
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = Client(writer, self.faults)
        self.clients.append(client)
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        fragments = asyncio.create_task(client.write_fragments()) if self.faults.fragment else None
        try:
            self.gateway.greet()
            await self._read(reader)
        except OSError:
            writer.transport.abort()
        finally:
            self.tasks.discard(task)
            if fragments:
                fragments.cancel()
            if client in self.clients:
                self.clients.remove(client)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        buffer = ReceiveBuffer()
        while data := await reader.read(4096):
            for line in buffer.split_lines(data):
                if line:
                    self.gateway.receive(line)
                    await asyncio.sleep(TURN_S)


@dataclass(eq=False)
class SerialPort:
    """A pty whose far end is reached at `path`, a symlink that is made; 115200 baud or anything else.

    Nothing is queued for long while there is no reader: what the kernel has no room for is lost, as on a real
    cable.
    """

    path: Path
    faults: Faults
    buffer: ReceiveBuffer = field(default_factory=lambda: ReceiveBuffer(ends=b"\n"))
    ends: tuple[int, int] | None = None  # descriptors: ours, and the one behind `path`

    @property
    def address(self) -> str:
        """`serial PATH`."""
        return f"serial {self.path}"

    async def open(self, gateway: LineReceiver) -> None:
        """Plug in: make the device and greet, as a board does at power-up."""
        self.gateway = gateway
        ours, theirs = self.ends = os.openpty()
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(theirs))
        self.buffer.held.clear()
        asyncio.get_running_loop().add_reader(ours, self._read, ours)
        gateway.greet()

    async def close(self) -> None:
        """Unplug: the device goes away, a program that holds it open gets an error or the end of file."""
        self.drop()

    def drop(self) -> None:
        """Unplug."""
        if self.ends is None:
            return
        asyncio.get_running_loop().remove_reader(self.ends[0])
        self.path.unlink(missing_ok=True)
        for end in self.ends:
            os.close(end)
        self.ends = None

    def write(self, data: bytes) -> None:
        """Send to the far end."""
        if self.ends is None:
            return
        with suppress(BlockingIOError):  # there is no reader: what is sent is lost
            os.write(self.ends[0], data)

    def _read(self, ours: int) -> None:
        for line in self.buffer.split_lines(os.read(ours, 4096)):
            if line:
                self.gateway.receive(line)
