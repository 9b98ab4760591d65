"""A gateway on a real socket with virtual nodes behind it: their air may lose lines in both directions."""

import selectors
import socket
import threading
import time

from tests.helpers.lossy_air import LossyAir

GREETING = "0;255;3;0;14;Gateway startup complete.\n"


class AirGateway:
    """Serves one client after another on 127.0.0.1. `cut` and `mend` are the gateway's cable.

    The nodes live in real time from the first connection on, so that a slow start of the daemon costs them
    nothing.
    """

    def __init__(self, nodes, *, loss=0.0, seed=1, latency_s=0.005):
        self.air = LossyAir(nodes, up=loss, down=loss, seed=seed, latency_s=latency_s)
        self.nodes = {node.node_id: node for node in nodes}
        self.sent = []  # (node id, command, type) of every line of the controller to a node
        self.received = []  # the same of every line that a node got through to the controller
        self._made_at = time.monotonic()
        self._late_s = None  # from there to the first connection
        self._lock = threading.Lock()  # the nodes live in the thread; a test may reset one
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._client = None
        self._is_cut = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def cut(self):
        self._is_cut = True

    def mend(self):
        self._is_cut = False

    def reset(self, node):
        """Cut the power of a node for a moment."""
        with self._lock:
            node.reset(self._now())

    def _now(self):
        """The nodes' clock: it stands until the first client connects."""
        return self._made_at if self._late_s is None else time.monotonic() - self._late_s

    def close(self):
        self._ended.set()
        self._thread.join(5)
        self._server.close()

    def _live(self):
        rest = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._server, selectors.EVENT_READ)
            while not self._ended.is_set():
                pause = min(0.05, max(0.001, self.air.next_at() - self._now()))
                for key, _ in selector.select(pause):
                    if key.fileobj is self._server:
                        client = self._server.accept()[0]
                        if self._is_cut:
                            client.close()
                            continue
                        self._hang_up(selector)
                        if self._late_s is None:
                            self._late_s = time.monotonic() - self._made_at
                        self._client, rest = client, b""
                        selector.register(client, selectors.EVENT_READ)
                        self._write(GREETING)
                        continue
                    data = self._read()
                    if not data or self._is_cut:
                        self._hang_up(selector)
                        continue
                    *lines, rest = (rest + data).split(b"\n")
                    for line in lines:
                        self._take(line.decode())
                if self._is_cut:
                    self._hang_up(selector)
                with self._lock:
                    arrived = self.air.advance(self._now())
                for _, line in arrived:
                    self._write(line)
                    self.received.append(about(line))
            self._hang_up(selector)

    def _read(self):
        try:
            return self._client.recv(65536)
        except OSError:
            return b""

    def _hang_up(self, selector):
        if self._client is not None:
            selector.unregister(self._client)
            self._client.close()
            self._client = None

    def _write(self, line):
        if self._client is not None:
            try:
                self._client.sendall(line.encode())
            except OSError:
                return  # the controller is gone: the selector says so next

    def _take(self, line):
        if about(line) == (0, 3, 2):
            self._write("0;255;3;0;2;2.4.0\n")
            return
        self.sent.append(about(line))
        with self._lock:
            self.air.send(line + "\n", self._now())


def about(line):
    """(node id, command, type) of a line."""
    node, _, command, _, type, _ = line.split(";", 5)
    return int(node), int(command), int(type)
