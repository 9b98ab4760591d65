"""The gateway program: the demo house in real time behind a TCP port or a pty.

    async with DemoGateway(port=0) as gateway:
        gateway.port, gateway.address, gateway.house.node(7), gateway.inject(b"7;1;1;0;0;21.5")

Facts of the wire: `MyGatewayTransportEthernet.cpp`, `MyGatewayTransportSerial.cpp`, library 2.4.0-alpha.
"""

import asyncio
import time
from collections import deque

from ingest.demo.radio.faults import Faults, debug_line
from ingest.demo.radio.network import SEED, DemoNetwork
from ingest.demo.radio.nodes import DEMO_NODES
from ingest.demo.radio.ports import SerialPort, TcpPort
from ingest.demo.wire import format_outgoing, parse_incoming
from ingest.mysensors.protocol import GATEWAY_NODE, Command, Internal

IDLE_S = 1.0  # how long the program sleeps at most


class DemoGateway:
    """A gateway with its house, on `host` and `port`, or on a pty at the path `serial`.

    `speed`: house seconds in a second; pauses between messages shrink with it, dialogues keep their real time.
    `now` (unix seconds, default: the present) is the house's time at the start, `anchor` that of its history's end.
    `boot`: all nodes are switched on within the first 3 s and present themselves; else they are in the midst of life.
    `max_clients` and the switches of Faults can be given by name. `received` holds the last 10000 lines that came
    from controllers, `sent` counts the lines written. inject, drop and reset may be called from any thread; unplug and
    plug wait, so from any thread but that of the loop (there: `await gateway.link.close()`, `.open(gateway)`).
    """

    def __init__(
        self,
        host="127.0.0.1",
        port=0,
        *,
        serial=None,
        speed=1.0,
        now=None,
        anchor=None,
        seed=SEED,
        boot=False,
        nodes=DEMO_NODES,
        max_clients=10,
        **switches,
    ):
        self.faults = Faults(**switches)
        self.link = (
            SerialPort(serial, self.faults) if serial else TcpPort(host, port, max_clients, self.faults)
        )
        self.speed = speed
        self.house_args = {"anchor": anchor, "seed": seed, "boot": boot, "nodes": nodes, "pace": speed}
        self.started_at = now
        self.received = deque(maxlen=10_000)
        self.sent = 0
        self._poked = asyncio.Event()

    @property
    def address(self):
        """`tcp 127.0.0.1:5003` or `serial /run/demo`."""
        return self.link.address

    @property
    def port(self):
        """The real TCP port."""
        return self.link.port

    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, *_):
        await self.stop()

    async def start(self):
        """Open the port and bring the house to life. Raises OSError where the port is taken."""
        self.loop = asyncio.get_running_loop()
        self._from = self.loop.time()
        self._house_from = time.time() if self.started_at is None else self.started_at
        self.house = DemoNetwork(self._house_from, **self.house_args)
        await self.link.open(self)
        self.house.discover(self._house_from)
        self._life = asyncio.create_task(self._live())

    async def stop(self):
        self._life.cancel()
        await asyncio.gather(self._life, return_exceptions=True)
        await self.link.close()

    def house_time(self):
        """What the clock of the house shows, unix seconds."""
        return self._house_from + (self.loop.time() - self._from) * self.speed

    async def _live(self):
        while True:
            for _, line in self.house.events(self.house_time()):
                self.transmit(line)
            pause = (self.house.next_at - self.house_time()) / self.speed
            self._poked.clear()
            try:
                await asyncio.wait_for(self._poked.wait(), min(max(pause, 0.001), IDLE_S))
            except TimeoutError:
                continue

    # -- to the controllers

    def transmit(self, line):
        """Write one line to every client; nothing is kept for those who are not there."""
        if self.faults.debug and line.count(b";") >= 5 and not line.startswith(b"0;"):
            self._write(self._debug(line))
        self._write(line)

    def _debug(self, line):
        sender = line.split(b";", 1)[0]
        parents = {node.node_id: node.parent for node in self.house.nodes}
        parent = parents.get(int(sender), 0) if sender.isdigit() else 0
        return debug_line(line, parent, int((self.house_time() - self.house.gateway.booted_at) * 1000))

    def _write(self, line):
        if not self.faults.silent:
            self.sent += 1
            self.link.write(self.faults.spoil(line + b"\n"))

    def greet(self):
        """I_GATEWAY_READY and the gateway's presentation, to all clients."""
        for said in self.house.gateway.greeting():
            self.transmit(format_outgoing(said))

    def inject(self, line):
        """Make the gateway write this line now, bytes or text without line end, as if a node had sent it."""
        data = line.encode() if isinstance(line, str) else bytes(line)
        self.loop.call_soon_threadsafe(self.transmit, data)

    def poke(self):
        """Look again at what happens next, after something was done to the house (on the loop's thread)."""
        self._poked.set()

    # -- from the controllers

    def hear(self, line):
        """Take one line of a controller."""
        self.received.append(line)
        if self.faults.deaf:
            return
        self.house.receive(line, self.house_time())
        self.poke()
        message = parse_incoming(line)
        if (
            message
            and message[:3:2] == (GATEWAY_NODE, Command.internal)
            and message.type == Internal.I_REBOOT
        ):
            self.loop.call_soon(self._reset)

    # -- mishaps, from any thread

    def drop(self):
        """Cut every client off; the port stays open."""
        self.loop.call_soon_threadsafe(self.link.drop)

    def reset(self):
        """Restart the gateway: clients are cut off, its uptime begins anew; a serial one greets."""
        self.loop.call_soon_threadsafe(self._reset)

    def _reset(self):
        self.house.gateway.booted_at = self.house_time()
        if isinstance(self.link, TcpPort):
            self.link.drop()
        else:
            self.greet()

    def unplug(self):
        """Close the port: TCP connections are refused, the serial device is gone. Returns when it is done."""
        self._await(self.link.close())

    def plug(self):
        """Open the same port again after `unplug`. Returns when it is done."""
        self._await(self.link.open(self))

    def _await(self, coroutine):
        asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)


def say_address(gateway):
    """Tell on stdout where the demo gateway listens: `demo gateway on tcp 127.0.0.1:5003`."""
    print(f"demo gateway on {gateway.address}", flush=True)


async def run_demo(host="127.0.0.1", gateway_port=5003, *, ready=say_address, **options):
    """Run the demo house until cancelled. Options are those of DemoGateway; port 0 takes any free one.

    `ready(gateway)` is called once it listens. Raises OSError where the port is taken.
    """
    async with DemoGateway(host, gateway_port, **options) as gateway:
        ready(gateway)
        await asyncio.Event().wait()
