"""Shared helpers: generated traffic, a baseline insert, and the resource usage of a process."""

import os
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NODES, SENSORS = 20, 6
BARE = """create table messages (id integer primary key, received_at text, gateway integer, node integer,
child_id integer, command integer, echo integer, type integer, payload text)"""


def traffic(count, seed=1, nodes=NODES):
    """`count` lines: 20 nodes x 6 sensors, 70 % set, 10 % internal, 5 % req, 5 % presentation, 10 % other."""
    rnd = random.Random(seed)
    for number in range(count):
        node, child, kind = rnd.randint(1, nodes), rnd.randrange(SENSORS), rnd.random()
        if kind < 0.70:
            yield f"{node};{child};1;0;{child % 2};{20 + child + rnd.gauss(0, 1):.1f}\n"
        elif kind < 0.80:
            yield f"{node};255;3;0;{rnd.choice((0, 22))};{rnd.randint(50, 60)}\n"
        elif kind < 0.85:
            yield f"{node};{child};2;0;2;\n"
        elif kind < 0.90:
            yield f"{node};{child};0;0;6;Room {child}\n"
        else:
            yield f"{node};255;3;0;9;{number} TSF:MSG:READ\n"


def bare(count, path):
    """Baseline: messages per second of executemany into one indexed table, 1000 rows per commit."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = normal")
    connection.execute(BARE)
    connection.execute("create index i on messages (node, received_at)")
    rows = []
    for line in traffic(count):
        node, child, command, echo, type, payload = line.rstrip("\n").split(";", 5)
        rows.append(
            (
                "2026-11-20T23:19:40.123Z",
                0,
                int(node),
                int(child),
                int(command),
                int(echo),
                int(type),
                payload,
            )
        )
    insert = "insert into messages values (null, ?, ?, ?, ?, ?, ?, ?, ?)"
    start = time.perf_counter()
    for first in range(0, count, 1000):
        connection.execute("begin immediate")
        connection.executemany(insert, rows[first : first + 1000])
        connection.execute("commit")
    rate = count / (time.perf_counter() - start)
    connection.close()
    return rate


@contextmanager
def installation(commit_s=1, extra=""):
    """A folder with a config for a TCP gateway on a local port: yields (folder, listening socket)."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (Path(folder) / "config.yml").write_text(
            f"database: telemetry.db\ncommit_s: {commit_s}\ngateways:\n"
            f"  - {{name: main, tcp: '127.0.0.1:{port}'}}\n{extra}"
        )
        yield Path(folder), server


@contextmanager
def ingest(folder):
    """The real ingest process on that config; SIGTERM ends it and flushes."""
    command = [sys.executable, "-m", "voltkeeper", "ingest", "--config", str(folder / "config.yml")]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def resource_usage(pid):
    """CPU seconds, bytes passed to write(), and peak resident MiB of a process."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    io = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    status = Path(f"/proc/{pid}/status").read_text()
    resident = int(status.split("VmHWM:")[1].split()[0]) / 1024
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK"), int(io["wchar"]), resident


def scalar(path, sql):
    """One value from the file, read by a read-only connection."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=15)
    try:
        return connection.execute(sql).fetchone()[0]
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()


def free_port():
    """A TCP port on 127.0.0.1 on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
