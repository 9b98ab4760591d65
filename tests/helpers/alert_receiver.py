"""An HTTP server that receives alerts: up, down, slow, refusing, or closing in the middle of a request."""

import json
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

UP, DOWN, SLOW, REFUSING, CLOSING = "up", "down", "slow", "refusing", "closing"
MODES = (UP, DOWN, SLOW, REFUSING, CLOSING)


@dataclass(frozen=True)
class Received:
    """A message that was taken, and is answered with 200; `at` is the monotonic clock's."""

    at: float
    title: str
    text: str
    path: str


@dataclass
class AlertReceiver:
    """`with AlertReceiver() as receiver:` it listens on `receiver.port`; `mode` may be set at any time."""

    port: int = 0
    slow_s: float = 2.0
    status: int = 503
    received: list[Received] = field(default_factory=list)
    requests: int = 0
    _mode: str = UP
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self):
        """For a target of the config."""
        return f"json://127.0.0.1:{self.port}/"

    @property
    def titles(self):
        return [one.title for one in self.received]

    @property
    def mode(self):
        return self._mode

    @mode.setter
    def mode(self, mode):
        if mode == DOWN:
            self._stop()
        elif self._server is None:
            self._start()
        self._mode = mode

    def __enter__(self):
        self._start()
        return self

    def __exit__(self, *error):
        self._stop()

    def _start(self):
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                receiver.answer(self)

            def log_message(self, *args):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        server.daemon_threads = True
        self.port = server.server_address[1]
        self._server = server
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def _stop(self):
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, handler):
        """Answer a request as the mode says."""
        self.requests += 1
        mode = self._mode
        if mode == CLOSING:
            handler.rfile.read(1)
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        status = self.status if mode == REFUSING else 200
        if status == 200:
            # Before the answer: whoever has got that may look for it; in the order in which they came.
            one = Received(time.monotonic(), body["title"], body["message"], handler.path)
            self.received.append(one)
        if mode == SLOW:
            time.sleep(self.slow_s)
        answer = b"maintenance until ten" if status != 200 else b"{}"
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(answer)))
        with suppress(ConnectionError):  # the sender was killed
            handler.end_headers()
            handler.wfile.write(answer)
