"""A NUT server that answers from a table: what other makes answer, and what is wrong on purpose.

    with ScriptedUpsd({"USERNAME": b"ERR UNKNOWN-COMMAND\\n", "LIST VAR rack": None}) as server:
        NutClient("127.0.0.1", server.port)

`answers` maps the beginning of a request to the bytes of its answer: CLOSE hangs up, SILENCE says nothing, a
function is called with the request. The longest beginning counts; what stands in no table is answered as a
server with one UPS, `rack`, that can be read. With a `context`, STARTTLS is answered and TLS begins.
"""

import contextlib
import socketserver
import ssl
import threading
from collections.abc import Callable, Mapping

CLOSE, SILENCE = "close", "silence"
Reply = bytes | str | Callable[[str], bytes]
RACK = {
    "VER": b"Network UPS Tools upsd 2.8.0 - scripted\n",
    "USERNAME": b"OK\n",
    "PASSWORD": b"OK\n",
    "LIST UPS": b'BEGIN LIST UPS\nUPS rack "Rack"\nEND LIST UPS\n',
    "LIST VAR rack": b'BEGIN LIST VAR rack\nVAR rack ups.status "OL"\nEND LIST VAR rack\n',
    "GET VAR rack ups.status": b'VAR rack ups.status "OL"\n',
    "": b"ERR UNKNOWN-COMMAND\n",
}


class ScriptedUpsd(socketserver.ThreadingTCPServer):
    """Serves from the beginning of its `with` to the end; `requests` is what it was asked."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, answers: Mapping[str, Reply] = RACK, context: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Reply] = RACK | dict(answers)
        self.context = context
        self.requests: list[str] = []
        self.plain: list[str] = []  # those of `requests` that came without TLS
        super().__init__(("127.0.0.1", 0), Dialogue)
        self.port = self.server_address[1]

    def __enter__(self) -> "ScriptedUpsd":
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def reply(self, request: str) -> Reply:
        """What stands in the table for the longest beginning of the request."""
        return self.answers[max((key for key in self.answers if request.startswith(key)), key=len)]


class Dialogue(socketserver.StreamRequestHandler):
    """One client."""

    def handle(self) -> None:
        assert isinstance(self.server, ScriptedUpsd)
        with contextlib.suppress(OSError):
            while line := self.rfile.readline():
                request = line.decode("latin-1").strip()
                self.server.requests.append(request)
                if not isinstance(self.connection, ssl.SSLSocket):
                    self.server.plain.append(request)
                if request == "STARTTLS" and self.server.context is not None:
                    self._start_tls(self.server.context)
                    continue
                reply = self.server.reply(request)
                if reply == CLOSE:
                    return
                if reply != SILENCE:
                    self.wfile.write(reply(request) if callable(reply) else reply)

    def _start_tls(self, context: ssl.SSLContext) -> None:
        self.wfile.write(b"OK STARTTLS\n")
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
