"""Open connections of the web server: clients that are too slow are cut off, no address takes them all.

uvicorn limits neither the time for a request header (the attack is known as Slowloris) nor the connections of
an address; its `limit_concurrency` refuses every client once it is reached.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import cast

import h11
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from plugins.web.app.header_bounds import BoundedConnection
from plugins.web.auth.sign_in import address_key

SWEEP_S = 1.0
REPORT_S = 60.0  # between two log lines about connections that were ended
SENT_STEP = 256 * 1024
LINGER_S = 1.0  # that a refused client may go on sending, so that it reads why
NAMED = 3  # reasons and addresses that such a line names

log = logging.getLogger(__name__)
FAILURES = logging.getLogger("uvicorn.error.failures")  # a warning for each faulty request would fill the log
FAILURES.setLevel(logging.ERROR)


@dataclass(frozen=True)
class ClientLimits:
    """How slow a client may be, and how many connections may be open."""

    header_s: float = 10.0  # until the header of a request is complete; a browser sends it at once
    body_s: float = 20.0  # for a body, before `body_rate` counts
    body_rate: float = 4096.0  # bytes per second, over the time after `body_s`
    sending_s: float = 30.0  # for the next SENT_STEP bytes of a response, or its rest
    per_address: int = 64  # a browser opens 6
    total: int = 256


class Phase(Enum):
    """What a connection waits for, where that is up to the client."""

    HEADER = "sent no complete request header in time"
    BODY = "sent a request body too slowly"
    SENDING = "took no response in time"
    SERVING = "waits for the site"


class Connections:
    """All open connections; admits new ones and ends the slow ones, with one log line a minute.

    `is_proxy` is true for an address whose connections carry many clients: it has no limit of its own.
    """

    def __init__(
        self,
        limits: ClientLimits,
        is_proxy: Callable[[str], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self._is_proxy = is_proxy
        self._clock = clock
        self._open: dict[HttpConnection, None] = {}  # the oldest first
        self._ended: Counter[tuple[str, str]] = Counter()  # (reason, address) since the last log line
        self._next_report = 0.0

    def __call__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> "HttpConnection":
        """Make the protocol of one more connection, as uvicorn asks for it."""
        return HttpConnection(self, config, server_state, app_state)

    def __len__(self) -> int:
        return len(self._open)

    def now(self) -> float:
        """Seconds of the clock."""
        return self._clock()

    def admit(self, connection: "HttpConnection") -> None:
        """Take a new connection. Where there are too many, the one that has waited longest for a header goes.

        Where all others are being served, the new one is refused.
        """
        address = connection.address
        alike = [other for other in self._open if other.address == address]
        if len(alike) >= self.limits.per_address and not self._is_proxy(connection.peer):
            self._make_room(alike, f"were more than {self.limits.per_address} of one address", connection)
        elif len(self._open) >= self.limits.total:
            self._make_room(list(self._open), f"were more than {self.limits.total}", connection)
        if not connection.transport.is_closing():
            self._open[connection] = None

    def _make_room(self, among: list["HttpConnection"], reason: str, newcomer: "HttpConnection") -> None:
        now = self._clock()
        waiting = [one for one in among if one.look(now) is Phase.HEADER]
        oldest = min(waiting, key=lambda one: one.since, default=None)
        self._end(oldest or newcomer, reason, 408 if oldest else 503)

    def forget(self, connection: "HttpConnection") -> None:
        """A connection is closed."""
        self._open.pop(connection, None)

    def count(self, connection: "HttpConnection", reason: str) -> None:
        """Report a connection that ended for this reason."""
        self._ended[reason, connection.peer] += 1

    def count_refused(self, address: str) -> None:
        """Report a connection for which the process had no file descriptor."""
        self._ended["for which no file descriptor was free", address] += 1

    def sweep(self) -> None:
        """End the connections whose clients are too slow."""
        now = self._clock()
        for connection in list(self._open):
            phase = connection.look(now)
            if connection.is_late(phase, now):
                self._end(connection, phase.value, 408 if phase is Phase.HEADER else None)
        if self._ended and now >= self._next_report:
            self._next_report = now + REPORT_S
            self._report()

    def _end(self, connection: "HttpConnection", reason: str, status: int | None) -> None:
        self.forget(connection)
        self.count(connection, reason)
        connection.end(status)

    def _report(self) -> None:
        most = self._ended.most_common(NAMED)
        texts = [f"{count} of {address} {reason}" for (reason, address), count in most]
        rest = self._ended.total() - sum(count for _, count in most)
        if rest:
            texts.append(f"{rest} of other addresses")
        log.warning("connections were closed: %s", "; ".join(texts))
        self._ended.clear()

    async def watch(self) -> None:
        """Sweep every second, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S)
            self.sweep()


class HttpConnection(H11Protocol):
    """A connection that knows what it waits for, and since when."""

    def __init__(
        self,
        connections: Connections,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
    ) -> None:
        super().__init__(config, server_state, app_state)
        self.logger = FAILURES
        self.conn = BoundedConnection()
        self._connections = connections
        self._seen: tuple[Phase, object] = (Phase.HEADER, None)  # the phase, and of which request
        self._received = 0  # bytes since then
        self._unsent = 0  # bytes of a response that waited then
        self._is_refused = False
        self.since = connections.now()  # when this phase began, or last made progress

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask to be admitted."""
        super().connection_made(cast(asyncio.Transport, transport))
        self.peer = self.client[0] if self.client else "a local socket"
        self.address = address_key({"client": self.client})
        self._connections.admit(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the open connections."""
        self._connections.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what arrives."""
        self._received += len(data)
        if not self._is_refused and not self.transport.is_closing():
            super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP; where a response has begun, or is about to, only close.

        What still arrives is read and dropped for LINGER_S: TCP resets a connection that is closed with
        unread data, and the client would lose the answer.
        """
        self._connections.count(self, "sent no HTTP, or too long a header")
        if self.cycle is None or self.cycle.response_complete:
            self._is_refused = True
            self.transport.write(_answer(b"400 Bad Request", msg.encode("ascii")))
            self.transport.write_eof()
            self.loop.call_later(LINGER_S, self.transport.abort)
        else:
            self.transport.abort()

    def _should_upgrade(self) -> bool:
        return False  # there are no WebSockets: such a request is answered like any other

    def look(self, now: float) -> Phase:
        """What the connection waits for. A phase or request that the last look did not see begins now."""
        unsent = self.transport.get_write_buffer_size()
        phase = self._phase(unsent)
        is_slow = self._unsent - SENT_STEP < unsent <= self._unsent
        if (phase, self.cycle) != self._seen or (phase is Phase.SENDING and not is_slow):
            self._seen, self._unsent, self._received = (phase, self.cycle), unsent, 0
            self.since = now
        return phase

    def _phase(self, unsent: int) -> Phase:
        if unsent:
            return Phase.SENDING
        if self.conn.their_state is h11.IDLE:
            return Phase.HEADER
        if self.conn.their_state is h11.SEND_BODY and not self.flow.read_paused:
            return Phase.BODY
        return Phase.SERVING

    def is_late(self, phase: Phase, now: float) -> bool:
        """Whether the client has had its time for this phase."""
        limits, passed = self._connections.limits, now - self.since
        if phase is Phase.HEADER:
            return passed > limits.header_s
        if phase is Phase.BODY:
            return self._received < (passed - limits.body_s) * limits.body_rate
        return phase is Phase.SENDING and passed > limits.sending_s

    def end(self, status: int | None) -> None:
        """Close, after a short answer where the client may still read one."""
        if status is None:
            self.transport.abort()
            return
        self.transport.write(_answer(b"408 Request Timeout" if status == 408 else b"503 Service Unavailable"))
        self.transport.close()


def _answer(status: bytes, text: bytes = b"") -> bytes:
    """The last response of a connection."""
    kind = b"content-type: text/plain; charset=utf-8\r\n" if text else b""
    return b"HTTP/1.1 %s\r\n%scontent-length: %d\r\nconnection: close\r\n\r\n%s" % (
        status,
        kind,
        len(text),
        text,
    )
