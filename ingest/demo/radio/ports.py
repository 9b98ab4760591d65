"""What a controller connects to: a TCP port with room for some clients, or the end of a serial cable (a pty)."""

import asyncio
import os
import socket
import tty
from pathlib import Path

from ingest.demo.wire import ReceiveBuffer

TURN_S = 0.01  # a gateway's loop handles one line a turn
UNREAD_LIMIT = 1 << 20  # bytes; a client that leaves so much unread is cut off


class Client:
    """One connected controller."""

    def __init__(self, writer, faults):
        self.writer = writer
        self.faults = faults
        self.lines = 0
        self.waiting = bytearray()

    def write(self, data):
        """Send the bytes of one line; closes where a fault says so or nothing is read."""
        if self.writer.is_closing():
            return
        limit = self.faults.drop_after
        if limit is not None and self.lines >= limit:
            self.writer.write(data[: len(data) // 2])
            self.close()
            return
        self.lines += 1
        if self.faults.fragment:
            self.waiting += data
        else:
            self.writer.write(data)
        if self.writer.transport.get_write_buffer_size() > UNREAD_LIMIT:
            self.writer.transport.abort()

    async def write_fragments(self):
        """Send what waits, a few bytes at a time, while the connection lasts."""
        while not self.writer.is_closing():
            size = self.faults.fragment or len(self.waiting)
            self.writer.write(bytes(self.waiting[:size]))
            del self.waiting[:size]
            await asyncio.sleep(0.002)

    def close(self):
        if not self.writer.is_closing():
            self.writer.close()


class TcpPort:
    """Listens on `host` and `port` (0: any free one, then `port` is the real one).

    As `MyGatewayTransportEthernet.cpp` has it: at most `max_clients`, a further one is closed at once without a byte;
    when one connects, all get the greeting.
    """

    def __init__(self, host, port, max_clients, faults):
        self.host, self.port = host, port
        self.max_clients = max_clients
        self.faults = faults
        self.clients = []
        self.server = None
        self.tasks = set()

    @property
    def address(self):
        return f"tcp {self.host}:{self.port}"

    async def open(self, gateway):
        """Start listening. Raises OSError where the port is taken."""
        self.gateway = gateway
        self.server = await asyncio.start_server(self._connected, self.host, self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def close(self):
        if self.server:
            self.server.close()
        clients = tuple(self.clients)
        self.drop()
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=0.5)
        for client in clients:  # whoever has not read what waits for him
            client.writer.transport.abort()

    def drop(self):
        """Cut every client off."""
        for client in self.clients:
            client.close()
        self.clients.clear()

    def write(self, data):
        for client in tuple(self.clients):
            client.write(data)

    async def _connected(self, reader, writer):
        if len(self.clients) >= self.max_clients:
            if not self.faults.newest_wins:
                writer.close()
                return
            self.clients.pop(0).close()
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = Client(writer, self.faults)
        self.clients.append(client)
        self.tasks.add(asyncio.current_task())
        fragments = asyncio.create_task(client.write_fragments()) if self.faults.fragment else None
        try:
            self.gateway.greet()
            await self._read(reader)
        except OSError:
            client.writer.transport.abort()
        finally:
            self.tasks.discard(asyncio.current_task())
            if fragments:
                fragments.cancel()
            if client in self.clients:
                self.clients.remove(client)
            client.close()

    async def _read(self, reader):
        lines = ReceiveBuffer()
        while data := await reader.read(4096):
            for line in lines.split_lines(data):
                if line:
                    self.gateway.hear(line)
                    await asyncio.sleep(TURN_S)


class SerialPort:
    """A pty whose far end is reached at `path`, a symlink that is made; 115200 baud or anything else.

    Nothing is queued for long where nobody reads: what the kernel has no room for is lost, as on a real cable.
    """

    def __init__(self, path, faults):
        self.path = Path(path)
        self.faults = faults
        self.lines = ReceiveBuffer(ends=b"\n")
        self.ours = self.theirs = None

    @property
    def address(self):
        return f"serial {self.path}"

    async def open(self, gateway):
        """Plug in: make the device and greet, as a board does at power-up."""
        self.gateway = gateway
        self.ours, self.theirs = os.openpty()
        tty.setraw(self.theirs)
        os.set_blocking(self.ours, False)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self.theirs))
        self.lines.held.clear()
        asyncio.get_running_loop().add_reader(self.ours, self._read)
        gateway.greet()

    async def close(self):
        """Unplug: the device goes away, whoever holds it open gets an error or the end of file."""
        self.drop()

    def drop(self):
        if self.ours is None:
            return
        asyncio.get_running_loop().remove_reader(self.ours)
        self.path.unlink(missing_ok=True)
        os.close(self.ours)
        os.close(self.theirs)
        self.ours = self.theirs = None

    def write(self, data):
        if self.ours is None:
            return
        try:
            os.write(self.ours, data)
        except BlockingIOError:
            return  # nobody reads: what is said is lost

    def _read(self):
        for line in self.lines.split_lines(os.read(self.ours, 4096)):
            if line:
                self.gateway.hear(line)
