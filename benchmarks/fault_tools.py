"""What the faults of `faults.py` share: a gateway that numbers its lines, ingest as a process, an I/O shim.

Nothing here reaches into the product: faults come from the kernel, the file system, LD_PRELOAD and sockets.
"""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing, contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from common import ROOT

NUMBER = 47  # V_TEXT: its payload is the number of the line
NODES = 20


class SkipError(Exception):
    """Why a fault cannot be made on this machine."""


class WrongError(Exception):
    """What the product did wrong."""


def expect(condition, message):
    """Raise WrongError with the message where the condition does not hold."""
    if not condition:
        raise WrongError(str(message))


class NumberedGateway(threading.Thread):
    """A TCP gateway whose lines carry consecutive numbers.

    It sends `rate` lines a second to whichever client is connected; without one, it waits, and so each number
    is handed to one connection alone. `sent` is how many numbers were handed to the kernel.
    """

    def __init__(self, rate=100):
        super().__init__(daemon=True)
        self.rate, self.sent, self.connects = rate, 0, 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._sending = threading.Event()
        self._sending.set()
        self._idle = threading.Event()  # set while it is paused and no line is under way
        self._noise, self._dropped = [], False
        self._ended = False
        self.start()

    def run(self):
        while not self._ended:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.connects += 1
            with connection, suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._serve(connection)

    def _serve(self, connection):
        connection.sendall(b"0;255;3;0;14;Gateway startup complete.\n")
        threading.Thread(target=self._answer, args=(connection,), daemon=True).start()
        step = max(1, self.rate // 20)
        while not self._ended:
            if not self._sending.is_set():
                self._idle.set()
                self._sending.wait(0.1)
                connection.send(b"")
                continue
            self._idle.clear()
            if self._dropped:
                self._dropped = False
                connection.shutdown(socket.SHUT_WR)
                self._drain(connection)
                return
            while self._noise:
                connection.sendall(self._noise.pop())
            block = "".join(
                f"{1 + number % NODES};1;1;0;{NUMBER};{number}\n"
                for number in range(self.sent, self.sent + step)
            )
            connection.sendall(block.encode())
            self.sent += step
            time.sleep(step / self.rate)

    @staticmethod
    def _answer(connection):
        """Answer the question for the version; close the connection when the client does."""
        with suppress(OSError):
            while asked := connection.recv(4096):
                if b"0;255;3;0;2;" in asked:
                    connection.sendall(b"0;255;3;0;2;2.3.2\n")
            connection.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _drain(connection):
        """Let the client read what is under way: it closes its side then."""
        connection.settimeout(20)
        with suppress(OSError):
            while connection.recv(4096):
                pass

    def inject(self, data):
        """Send these bytes between two blocks of lines."""
        self._noise.append(data)

    def drop(self):
        """Close the connection after the block of lines that is under way."""
        self._dropped = True

    def pause(self, settle_s=0.5):
        """Send nothing more, and give the client time to read what is under way."""
        self._sending.clear()
        self._idle.wait(5)
        time.sleep(settle_s)

    def resume(self):
        """Send again, from where it stopped."""
        self._sending.set()

    def close(self):
        self._ended = True
        self._server.close()


class Count(NamedTuple):
    """The numbers in a file compared with those that were sent."""

    sent: int
    stored: int
    lost: int
    doubled: int
    reordered: int

    @property
    def complete(self):
        """Each once and in order."""
        return not (self.lost or self.doubled or self.reordered)

    def __str__(self):
        return (
            f"{self.sent:,} sent, {self.stored:,} stored, {self.lost} lost, {self.doubled} doubled, "
            f"{self.reordered} reordered"
        )


def stored_numbers(database):
    """The numbers in `messages`, in the order of their row ids."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=15)) as connection:
        rows = connection.execute(
            f"select cast(payload as integer) from messages where command = 1 and type = {NUMBER} order by id"
        )
        return [number for (number,) in rows]


def count(sent, *databases):
    """Count lost, doubled and reordered lines over files that followed each other."""
    numbers = [number for database in databases for number in stored_numbers(database)]
    times = Counter(numbers)
    lost = sum(number not in times for number in range(sent))
    doubled = sum(number - 1 for number in times.values())
    reordered = sum(later < earlier for earlier, later in pairwise(numbers))
    return Count(sent, len(numbers), lost, doubled, reordered)


class Bench:
    """A folder with a config for one numbered gateway, and the ingest process on it."""

    def __init__(self, folder, rate=100, extra="", environment=None):
        self.folder = Path(folder)
        self.database = self.folder / "telemetry.db"
        self.environment = environment or {}
        self.gateway = NumberedGateway(rate)
        self.config = self.folder / "config.yml"
        self.config.write_text(
            f"database: telemetry.db\ntimezone: UTC\ngateways:\n"
            f"  - {{name: main, tcp: '127.0.0.1:{self.gateway.port}'}}\n{extra}"
        )
        handle, self.log_path = tempfile.mkstemp(prefix="voltkeeper-fault-", suffix=".log")
        self._log = os.fdopen(handle, "w")
        self.process = None

    @property
    def log(self):
        """All that the programs have written so far."""
        return Path(self.log_path).read_text(errors="replace")

    def command(self, *arguments):
        """The command line of `voltkeeper ARGUMENTS` on this config."""
        return [sys.executable, "-m", "voltkeeper", *arguments, "--config", str(self.config)]

    def start(self, *arguments, **environment):
        """Start `voltkeeper ingest`, or what is named; returns the process."""
        self.process = subprocess.Popen(
            self.command(*(arguments or ("ingest",))),
            cwd=ROOT,
            env={**os.environ, **self.environment, **environment},
            stdout=self._log,
            stderr=self._log,
        )
        return self.process

    def run(self, *arguments, timeout=60):
        """Run a command to its end: (exit code, output)."""
        done = subprocess.run(
            self.command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=timeout
        )
        return done.returncode, done.stdout + done.stderr

    def stop(self, timeout=30):
        """SIGTERM; (exit code, seconds that it took)."""
        began = time.monotonic()
        self.process.terminate()
        code = self.process.wait(timeout)
        return code, time.monotonic() - began

    def wait_stored(self, number=1, timeout=60):
        """Wait until so many lines are in the file."""

        def found():
            with suppress(sqlite3.Error):
                return len(stored_numbers(self.database)) >= number

        wait_for(found, timeout)

    def start_connected(self, **environment):
        """Start ingest and wait until it is connected to the gateway."""
        before = self.gateway.connects
        self.start(**environment)
        wait_for(lambda: self.gateway.connects > before, 60)

    def settle(self, timeout=60):
        """Have ingest run on a healthy file, end it cleanly when nothing is under way, and count."""
        if self.process.poll() is not None:
            self.start_connected()
        time.sleep(1)
        self.gateway.pause()
        self.stop(timeout)
        return count(self.gateway.sent, self.database)

    def close(self):
        self.gateway.close()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        self._log.close()
        os.unlink(self.log_path)


@contextmanager
def bench(folder=None, **options):
    """A Bench in a folder of its own, or in the one given, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="voltkeeper-fault-") as own:
        made = Bench(folder or own, **options)
        try:
            yield made
        finally:
            made.close()


def wait_for(found, timeout=30, every=0.05):
    """Call `found` until it is true, and return that; TimeoutError after `timeout` seconds."""
    until = time.monotonic() + timeout
    while not (value := found()):
        if time.monotonic() > until:
            raise TimeoutError(f"not within {timeout} s")
        time.sleep(every)
    return value


@contextmanager
def small_disk(megabytes):
    """A tmpfs of a few MB, mounted until the block ends. SkipError where mounting is not allowed."""
    with tempfile.TemporaryDirectory(prefix="voltkeeper-disk-") as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], capture_output=True
        )
        if mounted.returncode:
            raise SkipError(f"no small disk: {mounted.stderr.decode().strip() or 'mount is not allowed'}")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=False)


def fill(folder, leave=0):
    """Fill the disk of a folder but for `leave` bytes; delete the returned file to free it."""
    path = Path(folder) / "filler"
    with path.open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 16, 4096, 1):
            with suppress(OSError):
                while os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize > leave:
                    file.write(b"\0" * size)
    return path


@contextmanager
def locked(database):
    """Another process holds the write lock of the file until the block ends."""
    program = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60); "
        "c.execute('begin immediate'); print('locked', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        holder.stdout.readline()
        yield holder
    finally:
        holder.kill()
        holder.communicate()


SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Operations on files whose name contains $FAULT_NAME fail while the file $FAULT_SWITCH exists. Its text is
   "OPERATIONS PER_MILLE ERRNO", OPERATIONS being some of r, w, s (sync) and t (truncate). */
static unsigned int seed;

static int broken(int fd, char operation) {
    const char *name = getenv("FAULT_NAME"), *path = getenv("FAULT_SWITCH");
    char link[64], target[4096], text[64] = "", operations[16] = "";
    int per_mille = 0, number = EIO;
    if (!name || !path) return 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t (*plain)(int, void *, size_t) = dlsym(RTLD_NEXT, "read");
    ssize_t length = plain(file, text, sizeof text - 1);
    close(file);
    if (length <= 0 || sscanf(text, "%15s %d %d", operations, &per_mille, &number) < 2) return 0;
    if (!strchr(operations, operation)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, target, sizeof target - 1);
    if (length <= 0) return 0;
    target[length] = 0;
    if (!strstr(target, name)) return 0;
    if (!seed) seed = getpid();
    if (rand_r(&seed) % 1000 >= per_mille) return 0;
    errno = number;
    return 1;
}

#define FAIL(type, name, declared, called, operation) \
    type name declared { \
        static type (*plain) declared; \
        if (!plain) plain = dlsym(RTLD_NEXT, #name); \
        if (broken(fd, operation)) return -1; \
        return plain called; \
    }
FAIL(ssize_t, pread, (int fd, void *b, size_t n, off_t o), (fd, b, n, o), 'r')
FAIL(ssize_t, pread64, (int fd, void *b, size_t n, off64_t o), (fd, b, n, o), 'r')
FAIL(ssize_t, read, (int fd, void *b, size_t n), (fd, b, n), 'r')
FAIL(ssize_t, pwrite, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o), 'w')
FAIL(ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o), 'w')
FAIL(ssize_t, write, (int fd, const void *b, size_t n), (fd, b, n), 'w')
FAIL(int, fsync, (int fd), (fd), 's')
FAIL(int, fdatasync, (int fd), (fd), 's')
FAIL(int, ftruncate, (int fd, off_t n), (fd, n), 't')
FAIL(int, ftruncate64, (int fd, off64_t n), (fd, n), 't')
"""


def build_shim(source_text, folder, name):
    """The path of an LD_PRELOAD library of this C source. Raises SkipError without a C compiler."""
    source, library = folder / f"{name}.c", folder / f"{name}.so"
    source.write_text(source_text)
    try:
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise SkipError(f"no C compiler for the {name} shim: {error}") from error
    return library


class IoShim:
    """Makes operations on files fail from outside: an LD_PRELOAD library, built here with the C compiler."""

    def __init__(self, folder, name="telemetry.db"):
        folder = Path(folder)
        library = build_shim(SHIM, folder, "io")
        self._switch = folder / "switch"
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAULT_NAME": name,
            "FAULT_SWITCH": str(self._switch),
        }

    def fail(self, operations="rwst", per_mille=1000, number=5):
        """From now on so many of 1,000 operations fail: r(ead), w(rite), s(ync), t(runcate); errno."""
        new = self._switch.with_suffix(".new")
        new.write_text(f"{operations} {per_mille} {number}")
        new.rename(self._switch)

    def heal(self):
        """Operations succeed again."""
        self._switch.unlink(missing_ok=True)


def heartbeats(database):
    """What ingest writes beside the database, as JSON objects; none where there is nothing to read."""
    found = []
    for path in Path(database).parent.glob(f"{Path(database).name}-heartbeat*"):
        with suppress(OSError, ValueError):
            found.append(json.loads(path.read_text().rstrip("\0 \n")))
    return found
