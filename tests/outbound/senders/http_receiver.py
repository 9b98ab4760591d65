"""A real HTTP server that takes messages, or fails in a way that is named."""

import json
import socket
import ssl
import struct
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class HttpReceiver(ThreadingHTTPServer):
    """Answers `status` with `body`; `taken` are the messages that it answered with 200, in order.

    `failure`: close (before an answer), reset, cut (within the body), drip (a byte every 0.2 s), flood
    (a body without end), redirect (to GET), redirect_away (to a file),
    encoded (not as it says), nonsense (no HTTP), or ''. `delay_s` comes before each answer.
    """

    daemon_threads = True

    def __init__(self, tls=None):
        self.status, self.body, self.failure, self.delay_s = 200, b"{}", "", 0.0
        self.headers = {}
        self.taken, self.requests = [], []
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
            self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def place(self):
        return f"127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """A client that went away is no error here."""


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        server = self.server
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server.requests.append((self.path, dict(self.headers), content))
        time.sleep(server.delay_s)
        failure = getattr(self, f"_{server.failure}", None)
        if failure is not None:
            self.close_connection = True
            failure()
            return
        if server.status == 200:
            server.taken.append(json.loads(content))
        self._answer(server.status, server.body, server.headers)

    def do_GET(self):
        self._answer(200, b"a page", {"Content-Type": "text/html"})

    def _answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _redirect_away(self):
        self._answer(302, b"", {"Location": "file:///etc/hostname"})

    def _encoded(self):
        self._answer(200, b"plain", {"Content-Encoding": "gzip"})

    def _close(self):
        self.connection.shutdown(socket.SHUT_RDWR)

    def _reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _cut(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"half")

    def _drip(self):
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"x")
            time.sleep(0.2)

    def _flood(self):
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"x" * 65_536)

    def _redirect(self):
        self._answer(302, b"", {"Location": f"http://{self.server.place}/login"})

    def _nonsense(self):
        self.wfile.write(b"220 mail.example.org ESMTP\r\n")

    def log_message(self, *arguments):
        """Nothing on standard error."""


@contextmanager
def receiving(tls=None):
    """A receiver that runs; it is closed at the end."""
    with HttpReceiver(tls) as receiver:
        thread = threading.Thread(target=receiver.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
