"""/-/events.stream: a client that reconnects misses nothing, has nothing twice, and is bounded."""

import json
import socket
import time
from contextlib import ExitStack, contextmanager

import httpx

from plugins.web.open_streams import PER_CLIENT, RETRY_S, TOTAL
from tests.programs import wait_until

BEGIN = "insert into events (event, node, started_at) values ('NODE_SILENT', 12, ?)"
END = "update events set ended_at = ? where id = (select max(id) from events where ended_at is null)"
AT = "2026-11-30T10:00:0{}.000Z"


class SseClient:
    """The items of a stream as a browser's EventSource reads them; `last_id` is what it sends again."""

    def __init__(self, url):
        self.url, self.last_id = f"{url}/-/events.stream", None

    @contextmanager
    def listen(self, **headers):
        """An iterator of (id, data) of one connection."""
        if self.last_id:
            headers["last-event-id"] = self.last_id
        headers |= {"accept": "text/event-stream", "accept-encoding": "gzip"}
        with httpx.stream("GET", self.url, headers=headers, timeout=20) as response:
            assert response.status_code == 200
            assert response.headers["content-type"].startswith("text/event-stream")
            assert "content-encoding" not in response.headers
            lines = response.iter_lines()
            assert next(lines).startswith(":")  # it listens from here on
            yield self._items(lines)

    def _items(self, lines):
        fields = {}
        for line in lines:
            if not line and fields:
                self.last_id = fields["id"]
                yield int(fields["id"]), json.loads(fields["data"])
                fields = {}
            elif line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value


def test_a_client_that_reconnects_and_others(serve):
    site = serve()
    client = SseClient(site.url)
    with client.listen() as items:  # the event that there is already is not new
        site.write(BEGIN, AT.format(1))
        first, data = next(items)
        assert data["event"] == "NODE_SILENT" and data["name"] == "Greenhouse 12"
        assert data["started_at"] == AT.format(1) and data["ended_at"] is None
    check_cap(client)
    check_total(client)
    site.write(END, AT.format(2))
    site.write(BEGIN, AT.format(3))
    with client.listen() as items:
        second, third = next(items), next(items)
        assert [second[0], third[0]] == [first + 1, first + 2]
        assert second[1]["id"] == data["id"] and second[1]["ended_at"] == AT.format(2)
        assert third[1]["id"] > data["id"] and third[1]["ended_at"] is None
        site.write(END, AT.format(4))
        assert next(items)[1]["ended_at"] == AT.format(4)
        began = time.monotonic()
        site.program.process.terminate()
        assert list(items) == []
        assert time.monotonic() - began < 3 and site.program.wait() == 0


def check_cap(client):
    """Streams of one address are counted, and their places are free when they end."""
    with ExitStack() as held:
        for _ in range(PER_CLIENT):
            held.enter_context(client.listen())
        refused = httpx.get(client.url)
        assert refused.status_code == 429 and refused.headers["retry-after"] == str(RETRY_S)
        assert f"{PER_CLIENT} streams of this address are open" in refused.json()["errors"][0]
    wait_until(lambda: httpx.get(f"{client.url}?for_s=0").status_code == 200)  # their places are free again


def check_total(client):
    """Streams of all addresses are counted together, too."""
    host, port = client.url.removeprefix("http://").split("/")[0].split(":")
    request = f"GET /-/events.stream HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
    with ExitStack() as held:
        for number in range(TOTAL):
            source = (f"127.0.0.{2 + number // PER_CLIENT}", 0)
            stream = held.enter_context(socket.create_connection((host, int(port)), 20, source))
            stream.sendall(request)
            assert stream.recv(4096).startswith(b"HTTP/1.1 200")
        refused = httpx.get(client.url)
        assert refused.status_code == 503 and refused.headers["retry-after"] == str(RETRY_S)
        assert f"{TOTAL} streams are open" in refused.json()["errors"][0]
    wait_until(lambda: httpx.get(f"{client.url}?for_s=0").status_code == 200)


def test_what_is_asked_for(site):
    newest = site.rows("select max(seq) from event_changes")[0][0]
    old = site.get("/-/events.stream?last_event_id=0&for_s=0").text
    assert f"id: {newest}\n" in old and '"event": "NODE_BATTERY_LOW"' in old
    for query in ("for_s=0", f"last_event_id={newest}&for_s=0", "last_event_id=999999&for_s=0"):
        assert "data:" not in site.get(f"/-/events.stream?{query}").text, query
    for query in ("for_s=x", "last_event_id=-1"):
        refused = site.get(f"/-/events.stream?{query}")
        assert refused.status_code == 400 and "is a whole number" in refused.json()["errors"][0]
