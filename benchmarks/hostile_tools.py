"""What the attacks of `hostile.py` share: an installation with users of every right, and a watch on pages.

Attacks come from addresses of their own in 127.0.0.0/8, so that limits of an address and of all together
are distinguished. The watch asks for pages from 127.0.0.2 all the while.
"""

import http.client
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from inspect import isgeneratorfunction
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from common import ROOT, free_port
from datasette_auth_passwords.utils import hash_password
from fault_tools import NumberedGateway, expect, wait_for
from faults_wires import Wire
from filled import make_database

RIGHTS = ("edit", "order", "upload", "maintain")
PASSWORD = "correct horse battery"
WATCHER, OWNER, ATTACKER = "127.0.0.2", "127.0.0.3", "127.0.0.66"
PAGES = ("/", "/nodes", "/ups", "/radio", "/-/pulse.json", "/api/health")
FORM = {"content-type": "application/x-www-form-urlencoded"}


class Answer(NamedTuple):
    status: int  # 0: the connection was closed without an answer
    seconds: float
    body: bytes
    headers: dict

    @property
    def json(self):
        return json.loads(self.body)


class Attacker(Wire):
    """A device whose way to serve is changed while it runs: each attack begins on a new connection."""

    def __init__(self):
        self._kind, self._changed = None, threading.Condition()
        super().__init__(self._play)

    def attack(self, kind):
        """Serve like this from now on: a generator of blocks, a function of the connection, None (silent)."""
        with self._changed:
            self._kind = kind
            self._changed.notify_all()

    def _play(self, connection):
        with self._changed:
            kind = self._kind
        connection.settimeout(30)
        if kind is None:
            pass
        elif isgeneratorfunction(kind):
            for block in kind(random.Random(1)):
                connection.sendall(block)
                if self._kind is not kind:
                    return
        else:
            kind(connection)
        with self._changed:
            self._changed.wait_for(lambda: self._kind is not kind, 60)


class Site:
    """`voltkeeper web` and `voltkeeper ingest` over one filled file."""

    def __init__(self, folder):
        self.folder, self.database = Path(folder), Path(folder) / "telemetry.db"
        self.port, self.wild, self.evil = free_port(), Attacker(), Attacker()
        self.gateway = NumberedGateway(rate=20)
        self.processes = {}
        make_database(self.database, messages=20_000, samples=3_000, days=3)
        self.write_config()

    @staticmethod
    def token(right):
        """The token of the caller that has this right alone; `all` has every one, `none` no right."""
        return f"token-with-{right}-0123456789"

    def write_config(self, read="anyone"):
        rights = {"none": "", "all": ", ".join(RIGHTS), **{right: right for right in RIGHTS}}
        tokens = "".join(
            f"    - {{name: {name}, token: {self.token(name)}, may: [{may}]}}\n"
            for name, may in rights.items()
        )
        (self.folder / "config.yml").write_text(
            f"database: telemetry.db\ntimezone: UTC\nweb: {{port: {self.port}}}\ngateways:\n"
            f"  - {{name: main, tcp: '127.0.0.1:{self.gateway.port}'}}\n"
            f"  - {{name: wild, tcp: '127.0.0.1:{self.wild.port}'}}\n"
            f"nut: [{{name: evil, host: 127.0.0.1, port: {self.evil.port}, poll_s: 2}}]\n"
            f"access:\n  read: {read}\n  tokens:\n{tokens}"
            f"  people: [{{name: owner, password_hash: '{hash_password(PASSWORD, iterations=1000)}', "
            f"may: [{rights['all']}]}}]\n"
        )

    def start(self, name):
        """Start `voltkeeper NAME` and wait until the site answers."""
        log = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            [sys.executable, "-m", "voltkeeper", name, "--config", self.folder / "config.yml"],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=log,
        )
        if name == "web":
            wait_for(lambda: self.get("/api/health", self.auth("all")).status == 200, timeout=120, every=0.2)
            for page in PAGES:  # templates are compiled at the first request
                self.get(page, self.auth("all"))

    def stop(self, name):
        """SIGTERM and wait; SIGKILL after 30 seconds."""
        process = self.processes.pop(name)
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self):
        for name in list(self.processes):
            self.stop(name)
        for wire in (self.gateway, self.wild, self.evil):
            wire.close()

    @staticmethod
    def auth(right):
        return {"authorization": f"Bearer {Site.token(right)}"}

    def request(self, method, path, headers=None, body=None, source=OWNER, timeout=30):
        """One request over a connection of its own."""
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout, source_address=(source, 0))
        try:
            connection.putrequest(method, path, "host" in (headers or {}), skip_accept_encoding=True)
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            is_stream = response.headers.get_content_type() == "text/event-stream"  # it has no end
            content = b"" if is_stream else response.read()
            given = {name.lower(): ", ".join(response.msg.get_all(name)) for name in response.msg}
            return Answer(response.status, time.monotonic() - began, content, given)
        except (OSError, http.client.HTTPException):
            return Answer(0, time.monotonic() - began, b"", {})
        finally:
            connection.close()

    def get(self, path, headers=None, **options):
        return self.request("GET", path, headers, **options)

    def post(self, path, fields, headers=None, **options):
        return self.request("POST", path, {**FORM, **(headers or {})}, urlencode(fields).encode(), **options)

    def routes(self):
        """(method, address, right, fields) of every route, from the site's own description."""
        described = self.get("/api.json", self.auth("all")).json
        return [
            (one["method"], filled_in(one["path"], one["at"]), one["right"], list(one["fields"]))
            for one in described["calls"]
        ]

    def log_lines(self, name="web"):
        return (self.folder / f"{name}.log").read_text(errors="replace").count("\n")

    def errors(self):
        """The last lines of tracebacks in the log of the site, the most frequent first."""
        text = (self.folder / "web.log").read_text(errors="replace")
        return Counter(re.findall(r"^ *([\w.]*(?:Error|Exception)\b.*)", text, re.M)).most_common(5)

    def sees(self, sql):
        """The rows of a query, as the site answers it."""
        return self.get(
            f"/telemetry.json?{urlencode({'sql': sql, '_shape': 'array'})}", self.auth("all")
        ).json


def filled_in(path, at):
    """An address for the pattern of a route: examples where there are some, else 1."""
    for name, value in at.items():
        path = path.replace(name, value if "{" not in value else "1")
    return "/".join("1" if part.isupper() else part for part in path.split("/"))


def memory(pid, reset=False):
    """Peak resident MiB of a process since the last reset."""
    text = Path(f"/proc/{pid}/status").read_text()
    if reset:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    return int(text.split("VmHWM:")[1].split()[0]) / 1024


class Watch(threading.Thread):
    """Asks for pages, one after the other, and remembers what was slow or failed."""

    def __init__(self, site, options):
        super().__init__(daemon=True)
        self.site, self.options = site, options
        self.ended = threading.Event()
        self.times, self.failed = [], []

    def run(self):
        number = 0
        while not self.ended.is_set():
            page = PAGES[number % len(PAGES)]
            answer = self.site.get(page, self.site.auth("all"), source=WATCHER)
            self.times.append((answer.seconds, page))
            if answer.status != 200:
                self.failed.append((page, answer.status))
            number += 1
            self.ended.wait(0.1)

    def result(self, shown="nothing else"):
        """`shown` and a summary. Raises WrongError where a page failed or was slow, or memory is too much."""
        slowest, page = max(self.times)
        late = sum(seconds > self.options.page_s for seconds, _ in self.times)
        peak = memory(self.site.processes["web"].pid)
        line = f"{shown}; {len(self.times)} pages beside it within {slowest:.2f} s ({page}), {peak:.0f} MiB"
        expect(not self.failed, f"{line}: {len(self.failed)} failed: {self.failed[:3]}")
        expect(not late, f"{line}: {late} pages over {self.options.page_s} s")
        expect(peak <= self.options.memory, f"{line}: more than {self.options.memory} MiB")
        return line


@contextmanager
def watched(site, options):
    """A Watch while the block runs."""
    memory(site.processes["web"].pid, reset=True)
    watch = Watch(site, options)
    watch.start()
    try:
        yield watch
    finally:
        watch.ended.set()
        watch.join(60)


@contextmanager
def installation():
    """A running Site in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        site = Site(folder)
        try:
            site.start("ingest")
            site.start("web")
            yield site
        finally:
            with suppress(ProcessLookupError):
                site.close()
