"""Faults of the wires: a stopped reader, gateways and NUT servers that send noise, floods and no end."""

import os
import random
import signal
import socket
import sqlite3
import threading
import time
from contextlib import closing, suppress

from fault_tools import bench, expect, wait_for

STALL_S = 25.0
FLOOD = 215_000  # combinations of node, child and type
MOST_RSS_MB = 120
FILE_MB = 12
NOISE = "no MySensors lines: is it a MySensors gateway?"


class Wire(threading.Thread):
    """A TCP server; `serve(connection)` runs for each client in a thread of its own."""

    def __init__(self, serve):
        super().__init__(daemon=True)
        self._serve = serve
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.connects = 0
        self.start()

    def run(self):
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self.connects += 1
                threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection):
        with connection, suppress(OSError):
            self._serve(connection)

    def close(self):
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


def second_gateway(wire):
    """A line of the config: the gateway `wire` beside the numbered one."""
    return f"  - {{name: wire, tcp: '127.0.0.1:{wire.port}'}}\n"


def one_nut(wire, keys=""):
    """A section of the config: the server `hostile`, and the keys given."""
    return f"nut: [{{name: hostile, port: {wire.port}, poll_s: 2, status_s: 2{keys}}}]\n"


def ask(one, sql, *values):
    """Rows of the file; none while it is being made."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{one.database}?mode=ro", uri=True)) as file:
        return file.execute(sql, values).fetchall()
    return []


def rss_mb(process):
    """The largest resident memory that a process has had."""
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1000


def file_mb(one):
    """The size of the database with its log."""
    return (
        sum(path.stat().st_size for path in one.folder.glob("telemetry.db*") if "spool" not in path.name)
        / 1e6
    )


def detail_of(one, source):
    """What `ingest_status` has about a source."""
    return (
        ask(one, "select state || ': ' || detail from ingest_status where source = ?", source) or [("",)]
    )[0][0]


def stopped_reader(options):
    """Ingest does not run for 25 s (SIGSTOP), as in a frozen container, while the gateway goes on."""
    with bench(rate=50) as one:
        one.start_connected()
        one.wait_stored(50)
        os.kill(one.process.pid, signal.SIGSTOP)
        time.sleep(STALL_S)
        os.kill(one.process.pid, signal.SIGCONT)
        time.sleep(5)
        counted = one.settle()
        events = ask(one, "select event, detail from events")
        connects = one.gateway.connects
    expect(counted.complete, counted)
    expect(not events and connects == 1, f"{connects} connections, {events}")
    return f"stopped for {STALL_S:.0f} s: {counted}; one connection, no event"


def noise_without_line_ends(options):
    """A gateway that sends 1 MB of binary noise without a line end: named, and nothing stored of it."""
    noise = random.Random(7).randbytes(1_000_000).replace(b"\n", b"")

    def serve(connection):
        connection.sendall(noise)
        connection.recv(1)
        time.sleep(60)

    with closing(Wire(serve)) as wire, bench(extra=second_gateway(wire)) as one:
        one.start_connected()
        began = time.monotonic()
        wait_for(lambda: NOISE in detail_of(one, "wire"), 30)
        seconds = time.monotonic() - began
        detail, counted = detail_of(one, "wire"), one.settle()
    expect(counted.complete, counted)
    return f"after {seconds:.1f} s '{detail}'; beside it {counted}"


def flood_of_channels(options):
    """215,000 new combinations of node, child and type: bounded, counted, in attention."""

    def serve(connection):
        for start in range(0, FLOOD, 500):
            lines = (
                f"{1 + n % 250};{n // 250 % 250};1;0;{n // 62_500};{n % 100}\n"
                for n in range(start, start + 500)
            )
            connection.sendall("".join(lines).encode())
        time.sleep(120)

    with closing(Wire(serve)) as wire, bench(rate=20, extra=second_gateway(wire)) as one:
        one.start_connected()
        dropped = "select sum(count) from dropped where source = 'wire' and what = 'messages'"
        number = wait_for(lambda: (n := (ask(one, dropped) or [(0,)])[0][0]) and n > FLOOD - 2_000 and n, 180)
        memory, size = rss_mb(one.process), file_mb(one)
        channels = ask(one, "select count(*) from channels")[0][0]
        text = ask(one, "select text from attention where href like '/telemetry/dropped%'")
        counted = one.settle()
    expect(size < FILE_MB and memory < MOST_RSS_MB, f"{size:.1f} MB file, {memory:.0f} MB of memory")
    expect(channels <= 1_000 and text, f"{channels} channels, attention: {text}")
    expect(counted.complete, counted)
    figures = f"{channels} channels kept, {number:,} counted; {size:.1f} MB file, {memory:.0f} MB of memory"
    return f"{figures}; beside it {counted}"


def garbage(options):
    """A gateway that sends 300,000 lines of garbage: a bounded number is stored, all are counted."""
    rnd, lines = random.Random(11), 300_000

    def serve(connection):
        for _ in range(lines // 500):
            block = b"".join(rnd.randbytes(30).replace(b"\n", b"") + b"\n" for _ in range(500))
            connection.sendall(block)
        time.sleep(120)

    with closing(Wire(serve)) as wire, bench(rate=20, extra=second_gateway(wire)) as one:
        one.start_connected()
        rejected = "select rejected from ingest_status where source = 'wire'"
        wait_for(lambda: (ask(one, rejected) or [(0,)])[0][0] > lines * 0.95, 240)
        one.gateway.pause()  # else a line may be under way to a socket that is closed
        one.stop()
        stored = ask(one, "select count(*) from rejects where source = 'wire'")[0][0]
        counted_rejects, size = ask(one, rejected)[0][0], file_mb(one)
        one.gateway.resume()
        counted = one.settle()
    expect(stored < 1_000 and size < FILE_MB, f"{stored} stored, {size:.1f} MB")
    expect(counted.complete, counted)
    return f"{stored} stored, {counted_rejects:,} counted, {size:.1f} MB; beside it {counted}"


def flapping_gateway(options):
    """A gateway that ends each connection after 2 s: one event with a count, few lines in the log."""

    def serve(connection):
        connection.sendall(b"0;255;3;0;14;Gateway startup complete.\n")
        time.sleep(2)

    with closing(Wire(serve)) as wire, bench(rate=20, extra=second_gateway(wire)) as one:
        one.start_connected()
        time.sleep(75)
        events = ask(one, "select figures from events where event = 'GATEWAY_LOST'")
        lines = [line for line in one.log.splitlines() if "wire" in line]
        counted = one.settle()
    expect(len(events) == 1 and len(lines) < 20, f"{len(events)} events, {len(lines)} lines: {lines[-3:]}")
    expect(counted.complete, counted)
    return f"{wire.connects} connections: 1 event {events[0][0]}, {len(lines)} lines of the log"


def _upsd(answers):
    """A server of NUT's protocol; `answers` maps a request to blocks of bytes that are sent one by one."""

    def serve(connection):
        with connection.makefile("rb") as requests:
            for line in requests:
                request = line.decode().strip()
                for block in answers.get(request, lambda: [b"ERR UNKNOWN-COMMAND\n"])():
                    connection.sendall(block)

    return Wire(serve)


def _list(kind, rows, end=True):
    def blocks():
        yield f"BEGIN LIST {kind}\n".encode()
        yield from rows()
        if end:
            yield f"END LIST {kind}\n".encode()

    return blocks


def _endless():
    number = 0
    while True:
        yield b"".join(b'VAR rack outlet.%d.status "on"\n' % n for n in range(number, number + 500))
        number += 500


HOSTILE = {
    "a value of 20 MB": (
        {"LIST VAR rack": _list("VAR rack", lambda: [b'VAR rack ups.id "', *[b"x" * 100_000] * 200, b'"\n'])},
        "VAR rack ups.id",
    ),
    "an endless list": ({"LIST VAR rack": _list("VAR rack", _endless, end=False)}, "more than 5000 rows"),
    "3,000 UPSes": (
        {"LIST UPS": _list("UPS", lambda: [b'UPS u%d "One"\n' % n for n in range(3_000)])},
        "name the UPSes to read under ups:",
    ),
}


def hostile_upsd(options):
    """A NUT server that sends a value of 20 MB, an endless list, 3,000 UPSes: each named, memory bounded."""
    found = []
    for what, (answers, message) in HOSTILE.items():
        usual = {
            "VER": lambda: [b"Network UPS Tools upsd 2.8.0 - hostile\n"],
            "LIST UPS": _list("UPS", lambda: [b'UPS rack "Rack"\n']),
        }
        with closing(_upsd(usual | answers)) as wire, bench(rate=20, extra=one_nut(wire)) as one:
            one.start_connected()
            wait_for(lambda m=message, o=one: m in detail_of(o, "hostile"), 60)
            time.sleep(10)
            detail, memory, size = detail_of(one, "hostile"), rss_mb(one.process), file_mb(one)
            counted = one.settle()
        expect(
            memory < MOST_RSS_MB and size < FILE_MB, f"{what}: {memory:.0f} MB of memory, {size:.1f} MB file"
        )
        expect(len(detail) < 1_000, f"{what}: a message of {len(detail)} characters")
        expect(counted.complete, f"{what}: {counted}")
        found.append(f"{what}: {memory:.0f} MB of memory")
    return "; ".join(found)


def newer_database(options):
    """A file that a later version has changed: refused with the version that it needs, and left as it is."""
    with bench() as one:
        one.start_connected()
        one.wait_stored(20)
        one.gateway.pause()
        one.stop()
        with closing(sqlite3.connect(one.database)) as file, file:
            file.execute(
                "insert into _sqlite_migrations (migration_set, name, applied_at) "
                "values ('voltkeeper', 'x', '')"
            )
            file.execute("pragma user_version = 12003004")
        with closing(sqlite3.connect(one.database)) as file:
            file.execute("pragma wal_checkpoint(truncate)")
        before = one.database.read_bytes()
        code, output = one.run("ingest")
        same = one.database.read_bytes() == before
    expect(code == 2 and "12.3.4" in output and same, f"exit code {code}, {output}")
    return f"exit code {code}: {output.strip().rpartition('ingest: ')[2]}"


FAULTS = (
    stopped_reader,
    noise_without_line_ends,
    flood_of_channels,
    garbage,
    flapping_gateway,
    hostile_upsd,
    newer_database,
)
