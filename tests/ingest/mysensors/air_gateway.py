"""A gateway on a real socket with virtual nodes behind it, in real time: their air may lose lines in both directions."""

import selectors
import socket
import threading
import time

from tests.helpers.lossy_air import LossyAir

GREETING = "0;255;3;0;14;Gateway startup complete.\n"


class AirGateway:
    """Serves one client after another on 127.0.0.1. `cut` and `mend` are the gateway's cable; `sent` what nodes got."""

    def __init__(self, nodes, *, loss=0.0, seed=1, latency_s=0.005):
        self.air = LossyAir(nodes, up=loss, down=loss, seed=seed, latency_s=latency_s)
        self.nodes = {node.node_id: node for node in nodes}
        self.sent = []  # (node id, command, type) of every line of the controller
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

    def close(self):
        self._ended.set()
        self._thread.join(5)
        self._server.close()

    def _live(self):
        rest = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._server, selectors.EVENT_READ)
            while not self._ended.is_set():
                pause = min(0.05, max(0.001, self.air.next_at() - time.monotonic()))
                for key, _ in selector.select(pause):
                    if key.fileobj is self._server:
                        client = self._server.accept()[0]
                        if self._is_cut:
                            client.close()
                            continue
                        self._hang_up(selector)
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
                for _, line in self.air.advance(time.monotonic()):
                    self._write(line)
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
        node, _, command, _, type, _ = line.split(";", 5)
        if (node, command, type) == ("0", "3", "2"):
            return self._write("0;255;3;0;2;2.4.0\n")
        self.sent.append((int(node), int(command), int(type)))
        self.air.send(line + "\n", time.monotonic())
