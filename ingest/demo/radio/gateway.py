"""The gateway program: the demo's network in real time behind a TCP port or a pty.

    async with DemoGateway(port=0) as gateway:
        gateway.port, gateway.address, gateway.network.node(7), gateway.inject(b"7;1;1;0;0;21.5")

Facts of the wire: `MyGatewayTransportEthernet.cpp`, `MyGatewayTransportSerial.cpp`, library 2.4.0-alpha.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Self

from ingest.demo.radio.faults import Faults, debug_line
from ingest.demo.radio.network import SEED, DemoNetwork, NodeKind
from ingest.demo.radio.nodes import DEMO_NODES
from ingest.demo.radio.ports import Port, SerialPort, TcpPort
from ingest.demo.wire import format_outgoing, parse_incoming
from ingest.mysensors.protocol import GATEWAY_NODE, Command, Internal

IDLE_S = 1.0  # how long the program sleeps at most
FROM_THREAD_S = 10  # time-out of what another thread asks the loop to do


class DemoGateway:
    """A gateway with its network, on `host` and `port`, or on a pty at the path `serial`.

    `speed`: network seconds in a second; pauses between messages shrink with it, dialogues keep their real
    time. `now` (unix seconds, default: the present) is the network's time at the start, `anchor` that of
    its history's end. `boot`: all nodes are switched on within the first 3 s and present themselves; else
    they are in the midst of life. `max_clients` and the switches of Faults can be given by name. `received`
    holds the last 10000 lines that came from controllers, `sent` counts the lines written. inject, drop and
    reset may be called from any thread; unplug and plug wait, so from any thread but that of the loop
    (there: `await gateway.link.close()`, `.open(gateway)`).
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        serial: Path | str | None = None,
        speed: float = 1.0,
        now: float | None = None,
        anchor: float | None = None,
        seed: int = SEED,
        boot: bool = False,
        nodes: Iterable[NodeKind] = DEMO_NODES,
        max_clients: int = 10,
        **switches: float | bool | None,
    ) -> None:
        self.faults = Faults(**switches)  # type: ignore[arg-type]  # named as its fields, which are of several types
        self.link: Port = (
            SerialPort(Path(serial), self.faults) if serial else TcpPort(host, port, max_clients, self.faults)
        )
        self.speed = speed
        self.make_network = partial(DemoNetwork, anchor=anchor, seed=seed, boot=boot, nodes=nodes, pace=speed)
        self.started_at = now
        self.received: deque[bytes] = deque(maxlen=10_000)
        self.sent = 0
        self._poked = asyncio.Event()

    @property
    def address(self) -> str:
        """`tcp 127.0.0.1:5003` or `serial /run/demo`."""
        return self.link.address

    @property
    def port(self) -> int:
        """The real TCP port."""
        assert isinstance(self.link, TcpPort)
        return self.link.port

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open the port and start the network. Raises OSError where the port is taken."""
        self.loop = asyncio.get_running_loop()
        self._loop_start = self.loop.time()
        self._network_start = time.time() if self.started_at is None else self.started_at
        self.network = self.make_network(self._network_start)
        await self.link.open(self)
        self.network.discover(self._network_start)
        self._life = asyncio.create_task(self._live())

    async def stop(self) -> None:
        """Close the port and end the network."""
        self._life.cancel()
        await asyncio.gather(self._life, return_exceptions=True)
        await self.link.close()

    def network_time(self) -> float:
        """What the clock of the network shows, unix seconds."""
        return self._network_start + (self.loop.time() - self._loop_start) * self.speed

    async def _live(self) -> None:
        while True:
            for _, line in self.network.events(self.network_time()):
                self.transmit(line)
            pause = (self.network.next_at - self.network_time()) / self.speed
            self._poked.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._poked.wait(), min(max(pause, 0.001), IDLE_S))

    # -- to the controllers

    def transmit(self, line: bytes) -> None:
        """Write one line to every client; nothing is kept for those who are not there."""
        if self.faults.debug and line.count(b";") >= 5 and not line.startswith(b"0;"):
            self._write(self._debug(line))
        self._write(line)

    def _debug(self, line: bytes) -> bytes:
        parents = {b"%d" % node.node_id: node.parent for node in self.network.nodes}
        uptime_s = self.network_time() - self.network.gateway.booted_at
        return debug_line(line, parents.get(line.split(b";", 1)[0], 0), int(uptime_s * 1000))

    def _write(self, line: bytes) -> None:
        if not self.faults.silent:
            self.sent += 1
            self.link.write(self.faults.damage(line + b"\n"))

    def greet(self) -> None:
        """I_GATEWAY_READY and the gateway's presentation, to all clients."""
        for message in self.network.gateway.greeting():
            self.transmit(format_outgoing(message))

    def inject(self, line: bytes | str) -> None:
        """Make the gateway write this line now, bytes or text without line end, as if a node had sent it."""
        data = line.encode() if isinstance(line, str) else bytes(line)
        self.loop.call_soon_threadsafe(self.transmit, data)

    def poke(self) -> None:
        """Look again at what happens next, after something was done to the network (on the loop's thread)."""
        self._poked.set()

    # -- from the controllers

    def receive(self, line: bytes) -> None:
        """Take one line of a controller."""
        self.received.append(line)
        if self.faults.deaf:
            return
        self.network.receive(line, self.network_time())
        self.poke()
        message = parse_incoming(line)
        reboot = (GATEWAY_NODE, Command.internal, Internal.I_REBOOT)
        if message is not None and (message.node, message.command, message.type) == reboot:
            self.loop.call_soon(self._reset)

    # -- mishaps, from any thread

    def drop(self) -> None:
        """Cut every client off; the port stays open."""
        self.loop.call_soon_threadsafe(self.link.drop)

    def reset(self) -> None:
        """Restart the gateway: clients are cut off, its uptime begins anew; a serial one greets."""
        self.loop.call_soon_threadsafe(self._reset)

    def _reset(self) -> None:
        self.network.gateway.booted_at = self.network_time()
        if isinstance(self.link, TcpPort):
            self.link.drop()
        else:
            self.greet()

    def unplug(self) -> None:
        """Close the port: TCP connections are refused, the serial device is gone. Returns when it is done."""
        self._await(self.link.close())

    def plug(self) -> None:
        """Open the same port again after `unplug`. Returns when it is done."""
        self._await(self.link.open(self))

    def _await(self, coroutine: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(FROM_THREAD_S)


def print_address(gateway: DemoGateway) -> None:
    """Print where the demo gateway listens: `demo gateway on tcp 127.0.0.1:5003`."""
    print(f"demo gateway on {gateway.address}", flush=True)


async def run_demo(
    host: str = "127.0.0.1",
    gateway_port: int = 5003,
    *,
    ready: Callable[[DemoGateway], None] = print_address,
    speed: float = 1.0,
    anchor: float | None = None,
    serial: Path | str | None = None,
) -> None:
    """Run the demo's gateway until cancelled. Options are those of DemoGateway; port 0 takes any free one.

    `ready(gateway)` is called once it listens. Raises OSError where the port is taken.
    """
    async with DemoGateway(host, gateway_port, speed=speed, anchor=anchor, serial=serial) as gateway:
        ready(gateway)
        await asyncio.Event().wait()
