"""Hostile clients: slow headers, bodies and readers, many connections, few file descriptors, endless SQL."""

import resource
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

from fault_tools import expect
from hostile_tools import ATTACKER, FORM, memory, watched

SQL_S = 4.0  # the time limit is 2 s; the rest is for starting a process
ENDLESS = "with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c"
SQL = (
    ENDLESS,
    "select instr(printf('%.*c',600000,'a'), printf('%.*c',300000,'a')||'b')",
    "select hex(zeroblob(400000000))",
    "select zeroblob(100000000)",
    "select zeroblob(20000000) from messages limit 100",
    "select group_concat(a.payload || b.payload) from messages a, messages b",
    "select count(*) from messages a, messages b, messages c",
    "with recursive c(n, t) as (select 1, 'x' union all select n + 1, t || t from c) select length(t) from c",
    "select replace(printf('%.*c', 900000, 'a'), 'a', printf('%.*c', 900000, 'b'))",
    "select * from messages a, messages b order by a.payload || b.payload",
    "select like(printf('%.*c', 40000, '%'), printf('%.*c', 40000, 'a'))",
    "select randomblob(900000000)",
)
LONG = (
    "sql=" + "/**/" + "+" * 20_000 + "x",
    "sql=" + "/**/" * 5_000 + "select+1",
    "sql=" + "(" * 20_000,
    "sql=select+:a&a=" + "x" * 50_000,
    "sql=select+1&" + "&".join(f"p{number}=1" for number in range(5_000)),
    "sql=--" + "%0a--" * 9_000 + "x",
)


def alone(site, options):
    """No attack: how fast pages are on this machine now."""
    with watched(site, options) as watch:
        time.sleep(min(options.seconds, 10))
    return watch.result()


def open_connections(site, stack, count, first=b"", addresses=1):
    """So many connections from 127.0.1.1 and the addresses that follow; those that were accepted."""
    clients = []
    for number in range(count):
        source = f"127.0.1.{number % addresses + 1}"
        try:
            client = socket.create_connection(("127.0.0.1", site.port), 5, source_address=(source, 0))
            client.sendall(first)
        except OSError:
            continue
        client.setblocking(False)
        clients.append(stack.enter_context(client))
    return clients


def is_open(client, data=b""):
    """False once the site has closed the connection."""
    try:
        if data:
            client.send(data)
        while client.recv(65536):
            pass
        return False
    except BlockingIOError:
        return True
    except OSError:
        return False


def slow_headers(site, options, addresses=1):
    """Clients that send a byte of a header every two seconds."""
    before = site.log_lines()
    with watched(site, options) as watch, ExitStack() as stack:
        clients = open_connections(site, stack, options.connections, b"GET / HTTP/1.1\r\nx: ", addresses)
        until = time.monotonic() + max(options.seconds, 15)
        while time.monotonic() < until:
            time.sleep(2)
            clients = [client for client in clients if is_open(client, b"a")]
    lines = site.log_lines() - before
    expect(not clients, f"{len(clients)} of {options.connections} are open after {options.seconds} s")
    expect(lines < 50, f"{lines} lines of log")
    return watch.result(f"{options.connections} from {addresses} addresses ended, {lines} lines of log")


def slow_headers_of_many(site, options):
    """The same from twenty addresses."""
    return slow_headers(site, options, addresses=20)


def silent_connections(site, options):
    """Connections that send nothing at all, from many addresses, again and again."""
    before = site.log_lines()
    with watched(site, options) as watch:
        for _ in range(3):
            with ExitStack() as stack:
                open_connections(site, stack, options.connections, addresses=50)
                time.sleep(options.seconds / 5)
    lines = site.log_lines() - before
    expect(lines < 50, f"{lines} lines of log")
    return watch.result(f"3 x {options.connections}, {lines} lines of log")


def few_descriptors(site, options):
    """More connections than the process may open files."""
    pid, before = site.processes["web"].pid, site.log_lines()
    used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 40, usual[1]))
    try:
        with ExitStack() as stack:
            open_connections(site, stack, 330, addresses=20)
            time.sleep(options.seconds / 2)
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)
    time.sleep(1)
    lines = site.log_lines() - before
    expect(lines < 100, f"{lines} lines of log")
    with watched(site, options) as watch:
        time.sleep(3)
    return f"330 connections with {used + 40} descriptors: {lines} lines of log; after it {watch.result()}"


def slow_bodies(site, options):
    """Forms of 10 MB that come byte by byte, and answers that are not read."""
    head = "POST /-/orders HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10000000\r\ncontent-type: "
    head += f"{FORM['content-type']}\r\n\r\na="
    get = b"GET /telemetry/messages.csv?_stream=on HTTP/1.1\r\nhost: localhost\r\n\r\n"
    with watched(site, options) as watch, ExitStack() as stack:
        clients = open_connections(site, stack, 60, head.encode(), addresses=4)
        open_connections(site, stack, 20, get, addresses=4)  # never read
        until = time.monotonic() + max(options.seconds, 40)
        while time.monotonic() < until:
            time.sleep(2)
            clients = [client for client in clients if is_open(client, b"a")]
    expect(not clients, f"{len(clients)} of 60 slow bodies are open after {max(options.seconds, 40):.0f} s")
    return watch.result("60 slow bodies ended, 20 clients that do not read")


def long_requests(site, options):
    """SQL and parameters of enormous length."""
    with watched(site, options) as watch:
        for query in LONG:
            for path in ("/telemetry.json", "/telemetry", "/telemetry/messages.json"):
                answer = site.get(f"{path}?{query}", source=ATTACKER)
                shown = f"{path}?{query[:30]}...: {answer.status} after {answer.seconds:.2f} s"
                expect(answer.status in (0, 200, 302, 400, 413, 414, 431), shown)
                expect(answer.seconds < options.request_s, shown)
    return watch.result(f"{len(LONG)} kinds in SQL and filters")


def hostile_sql(site, options):
    """SQL without end and without measure, as a query and as `_where=`, many at once from three addresses."""
    wanted = [f"/telemetry.json?{urlencode({'sql': sql, '_shape': 'array'})}" for sql in SQL]
    wanted += [f"/telemetry/nodes.json?{urlencode({'_where': f'id in ({sql})'})}" for sql in SQL]
    wanted += [f"/telemetry.csv?{urlencode({'sql': sql})}" for sql in SQL]
    with watched(site, options) as watch, ThreadPoolExecutor(12) as pool:
        jobs = [
            pool.submit(site.get, path, source=f"127.0.2.{number % 3 + 1}", timeout=60)
            for number, path in enumerate(wanted * max(1, int(options.seconds) // 10))
        ]
        workers = 0.0
        while not all(job.done() for job in jobs):
            workers = max(workers, sum(resident(pid) for pid in children(site.processes["web"].pid)))
            time.sleep(0.1)
    answers = [job.result() for job in jobs]
    statuses, slowest = Counter(a.status for a in answers), max(a.seconds for a in answers)
    shown = f"{len(answers)} queries, slowest {slowest:.1f} s, {dict(sorted(statuses.items()))}"
    expect(not statuses[500] and not statuses[0], shown)
    largest = max(len(answer.body) for answer in answers) / 1e6
    expect(largest < 20, f"{shown}: an answer of {largest:.0f} MB")
    return watch.result(f"{shown}, answers up to {largest:.1f} MB, workers {workers:.0f} MiB together")


def children(pid):
    lists = Path(f"/proc/{pid}/task").glob("*/children")  # of each thread
    return [int(one) for path in lists for one in path.read_text().split()]


def resident(pid):
    try:
        return memory(pid)
    except (OSError, IndexError):  # it has ended
        return 0.0


ATTACKS = (
    alone,
    slow_headers,
    slow_headers_of_many,
    silent_connections,
    few_descriptors,
    slow_bodies,
    long_requests,
    hostile_sql,
)
