"""Gateways that dial in (client mode, MY_CONTROLLER_IP_ADDRESS): the port, who is let in, what a redial is.

Such a gateway has one socket (`core/MyGatewayTransportEthernet.cpp`): it closes the old one before it dials
again, and after a power cut the old one is dead without our knowing. So a connection from the same address
replaces the one before at once. One from another address that is let in is another gateway: it is refused
while the present one is heard.
"""

import asyncio
import errno
import logging
import os
import socket
import struct
import time

from ingest.mysensors.gateway import ConnectionEnd, Gateway
from ingest.mysensors.limited_reads import LimitedReads
from ingest.mysensors.peers import Address, is_allowed, parse_network, parse_peer, split_listen
from ingest.mysensors.socket_options import guard_connection
from ingest.process.backoff import Backoff
from ingest.process.running_time import SETTLE_S

log = logging.getLogger(__name__)

BACKLOG = 16
REPORT_S = 60.0  # between two reports of connections that were refused
ACCEPT_PAUSE_S = 1.0  # after an error that lasts, such as no free file descriptor
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: a refused peer leaves no socket behind
NOBODY = "nobody is let in: from: names no address; add that of the gateway"
WAITING = "waiting for the gateway to dial in"
NOT_LISTED = "is not listed under from:"
LATE = (
    "waiting for the gateway to dial in, which it has not done for {:.0f} s: is it on, are "
    "MY_CONTROLLER_IP_ADDRESS and MY_PORT those of this machine?"
)
REMEDIES = {
    errno.EADDRINUSE: "another program, or another gateway of the config, listens on that port",
    errno.EADDRNOTAVAIL: "this machine has no such address: 0.0.0.0 listens on all",
    errno.EACCES: "ports below 1024 are for root: choose a higher one, as 5003",
}


class DialledIn(LimitedReads):
    """One connection of a gateway; what a connection brings that was replaced is not the gateway's."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self._gateway = gateway
        self._transport: asyncio.BaseTransport | None = None

    @property
    def _is_present(self) -> bool:
        return self._gateway.transport is self._transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is the gateway's from now on."""
        self._transport = transport
        self._gateway.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Hand bytes on."""
        if self._is_present:
            self._gateway.data_received(data)

    def connection_lost(self, error: Exception | None) -> None:
        """The peer closed it."""
        if self._is_present:
            self._gateway.connection_lost(error)


def bind(listen: str) -> socket.socket:
    """Listen on ADDRESS:PORT. Raises OSError. [::] takes connections by IPv4, too."""
    host, port = split_listen(listen)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    dual = host == "::" and socket.has_dualstack_ipv6()
    return socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=dual)


def explain_bind(error: OSError) -> str:
    """Why the port cannot be opened, with the remedy where there is one."""
    text = os.strerror(error.errno) if error.errno else str(error)
    return f"{text}: {REMEDIES[error.errno]}" if error.errno in REMEDIES else text


class GatewayListener:
    """Waits for one gateway of the config to dial in, for as long as the daemon runs."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway, self._health = gateway, gateway.health
        self._networks = [parse_network(text) for text in gateway.settings.sources]
        self._peer: Address | None = None  # of the present connection
        self._late: asyncio.TimerHandle | None = None
        self._refused = 0  # since the last report
        self._reported = float("-inf")  # monotonic seconds

    async def run(self) -> None:
        """Listen until cancelled; a port that cannot be opened is tried again."""
        settings, timing = self._gateway.settings, self._gateway.timing
        backoff, logged = Backoff(timing.first_backoff_s, timing.max_backoff_s), None
        while True:
            try:
                server = bind(settings.listen or "")
            except OSError as error:
                reason = explain_bind(error)
                if reason != logged:
                    log.warning("Gateway %s (%s): %s; retrying", settings.name, settings.address, reason)
                    logged = reason
                self._health.fail("lost", reason)
                await asyncio.sleep(backoff.next_s())
                continue
            with server:
                server.setblocking(False)
                self._wait()
                await self._accept(server)

    def _wait(self) -> None:
        """Nothing has dialled in yet."""
        if not self._networks:
            log.warning(
                "Gateway %s (%s): %s", self._gateway.settings.name, self._gateway.settings.listen, NOBODY
            )
            self._health.fail("lost", NOBODY)
            return
        self._health.set_state("connecting", WAITING)
        late_s = self._gateway.timing.stable_s

        def report_late() -> None:
            if not self._gateway.running.may_judge:  # it may wait to be accepted
                self._late = asyncio.get_running_loop().call_later(SETTLE_S, report_late)
            elif self._gateway.transport is None:
                self._health.fail("lost", LATE.format(late_s))

        self._late = asyncio.get_running_loop().call_later(late_s, report_late)

    async def _accept(self, server: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    connection, address = await loop.sock_accept(server)
                except OSError as error:
                    log.error("Gateway %s: cannot accept: %s", self._gateway.settings.name, error)
                    await asyncio.sleep(ACCEPT_PAUSE_S)
                    continue
                await self._take(connection, parse_peer(address[0]))
        finally:
            if self._late is not None:
                self._late.cancel()

    async def _take(self, connection: socket.socket, peer: Address) -> None:
        """Let the peer in as the gateway, or refuse it."""
        gateway = self._gateway
        if not is_allowed(peer, self._networks):
            self._refuse(connection, peer, NOT_LISTED if self._networks else f"came, but {NOBODY}")
            return
        if gateway.transport is not None:
            if peer != self._peer and gateway.idle_s < gateway.timing.idle_timeout_s:
                self._refuse(
                    connection,
                    peer,
                    f"is let in, but {self._peer} is connected: one entry of the config is one gateway",
                )
                return
            gateway.abort("the gateway dialled in anew")
        try:
            guard_connection(connection)
            await asyncio.get_running_loop().connect_accepted_socket(lambda: DialledIn(gateway), connection)
        except OSError as error:  # gone already
            connection.close()
            log.debug("Gateway %s: %s is gone: %s", gateway.settings.name, peer, error)
            return
        self._peer = peer
        if gateway.end is not None:
            gateway.end.add_done_callback(self._ended)

    def _ended(self, end: "asyncio.Future[ConnectionEnd]") -> None:
        if end is not self._gateway.end or end.cancelled():
            return  # replaced
        ended = end.result()
        reason = ended.reason if ended.received_any else f"{ended.reason}; it sent nothing"
        self._health.fail("lost", f"{reason}; {WAITING}")
        log.warning("Gateway %s: %s; %s", self._gateway.settings.name, reason, WAITING)

    def _refuse(self, connection: socket.socket, peer: Address, reason: str) -> None:
        """Close a connection without a byte; count it, and report once in REPORT_S."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
        connection.close()
        self._health.refused += 1
        self._refused += 1
        now = time.monotonic()
        if now - self._reported < REPORT_S:
            return
        many = "" if self._refused == 1 else f"{self._refused} connections were refused, the last: "
        log.warning("Gateway %s: %s%s %s", self._gateway.settings.name, many, peer, reason)
        self._reported, self._refused = now, 0
        if self._gateway.transport is None and self._networks:
            self._health.set_state(self._health.state, f"{WAITING}; refused: {peer} {reason}")


async def run_listener(gateway: Gateway) -> None:
    """Take the connections of a gateway that dials in, until cancelled."""
    await GatewayListener(gateway).run()
