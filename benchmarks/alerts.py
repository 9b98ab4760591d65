"""Outages played to `voltkeeper outbound`, which is killed again and again, and to receivers that fail.

    python benchmarks/alerts.py [EVENTS] [KILLS]

Each target has to get one message for the begin and one for the end of each of its events, in order; the log
has to account for every message. One target gets all events, which is a storm. A second part measures,
without kills, the time from the commit of an event to the receiver's 200, which has to be at most `after_s` +
3 s at p99.
"""

import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path

from common import ROOT, resource_usage

sys.path.insert(0, str(ROOT))

from ingest.db.time import format_utc
from tests.helpers.alert_receiver import DOWN, MODES, UP, AlertReceiver
from tests.helpers.delivered import find_faults, read_deliveries
from tests.helpers.new_database import new_database

UPSES = 12
AFTER_S = 0.5
READY_SHARE = 0.8  # of the processes that are killed: the others are still starting
UP_SHARE = 0.6  # of the receivers, that work; the others may do anything
LIMIT_S = 300.0  # for the rest to be sent when everything works again


class House:
    """A database with some UPSes, whose outages this program stores as ingest would."""

    def __init__(self, folder, receivers):
        self.folder, self.database = folder, new_database(folder / "telemetry.db")
        self._connection = sqlite3.connect(
            self.database, isolation_level=None, timeout=15, check_same_thread=False
        )
        self._lock = threading.Lock()
        self._connection.executemany(
            "insert into ups (id, name, driver, source, label) values (?, ?, 'nut', 'closet', ?)",
            [(number, f"u{number}@closet", f"UPS {number}") for number in range(1, UPSES + 1)],
        )
        (folder / "log.txt").touch()
        targets = [f"    - {{name: {name}, url: '{one.url}'}}" for name, one in receivers.items()]
        rules = [
            f"    - {{events: [ONBATT], ups: [u{n}@closet], to: [t{n}, all], after_s: {AFTER_S}}}"
            for n in range(1, UPSES + 1)
        ]
        nut = ", ".join(f"u{n}" for n in range(1, UPSES + 1))
        lines = [
            "database: telemetry.db",
            f"nut: [{{name: closet, host: 127.0.0.1, port: 1, ups: [{nut}]}}]",
            "alerts:",
            "  targets:",
            *targets,
            "  rules:",
            *rules,
        ]
        self._starts = 0
        (folder / "config.yml").write_text("\n".join(lines) + "\n")

    def begin(self, ups, number):
        """An outage begins; returns its id."""
        with self._lock:
            return self._connection.execute(
                "insert into events (event, ups, started_at, detail) values ('ONBATT', ?, ?, ?) returning id",
                (ups, format_utc(time.time()), f"outage {number}"),
            ).fetchone()[0]

    def end(self, event):
        """It ends."""
        with self._lock:
            self._connection.execute(
                "update events set ended_at = ? where id = ?", (format_utc(time.time()), event)
            )

    def unsent(self):
        """How many messages wait, and how many events are on their way."""
        with self._lock:
            return self._connection.execute(
                "select (select count(*) from deliveries where state in ('queued', 'sending')) "
                "+ (select count(*) from alert_pending)"
            ).fetchone()[0]

    def wait_ready(self):
        """Wait until the process that was started last sends, on a busy machine for a while."""
        until = time.monotonic() + 30
        while self._log().count("Sending to") < self._starts and time.monotonic() < until:
            time.sleep(0.1)

    def _log(self):
        return (self.folder / "log.txt").read_text()

    def start(self):
        """The process."""
        self._starts = self._log().count("Sending to") + 1
        command = [
            sys.executable,
            "-m",
            "voltkeeper",
            "outbound",
            "--config",
            str(self.folder / "config.yml"),
        ]
        return subprocess.Popen(command, cwd=ROOT, stderr=(self.folder / "log.txt").open("a"))


@contextmanager
def house():
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        names = [*(f"t{n}" for n in range(1, UPSES + 1)), "all"]
        receivers = {name: stack.enter_context(AlertReceiver(slow_s=1.0)) for name in names}
        yield House(folder, receivers), receivers


def play(house, events, rnd, done):
    """Outages of all UPSes, some of them at once; `done` gets (event, ups)."""
    going_on = {}
    for number in range(1, events + 1):
        free = [ups for ups in range(1, UPSES + 1) if ups not in going_on]
        if not free or rnd.random() < 0.3:
            time.sleep(rnd.uniform(0.0, 1.0))
        while not free or len(going_on) > UPSES // 2:
            ups = rnd.choice(list(going_on))
            event, began = going_on.pop(ups)
            time.sleep(max(0.0, began + AFTER_S + 0.6 - time.monotonic()))
            house.end(event)
            free.append(ups)
        ups = rnd.choice(free)
        going_on[ups] = house.begin(ups, number), time.monotonic()
        done.append((going_on[ups][0], ups))
    time.sleep(AFTER_S + 0.6)
    for event, _ in going_on.values():
        house.end(event)


def kill_round(events, kills, rnd):
    """Events, kills and failing receivers at the same time; prints what is wrong."""
    with house() as (home, receivers):
        process = home.start()
        home.wait_ready()
        time.sleep(1)  # it has seen that nothing is old
        played = []
        player = threading.Thread(target=play, args=(home, events, rnd, played), daemon=True)
        player.start()
        started, done = time.monotonic(), 0
        while done < kills or player.is_alive():
            for receiver in rnd.sample(list(receivers.values()), 3):
                receiver.mode = UP if rnd.random() < UP_SHARE else rnd.choice(MODES)
            if rnd.random() < READY_SHARE:
                home.wait_ready()
            time.sleep(rnd.uniform(0.0, 2.5))
            if done < kills:
                process.send_signal(signal.SIGKILL)
                process.wait()
                done += 1
                process = home.start()
        for receiver in receivers.values():
            receiver.mode = UP
        until = time.monotonic() + LIMIT_S
        while home.unsent() and time.monotonic() < until:
            time.sleep(0.5)
        process.terminate()
        process.wait(10)
        ids = {f"t{n}": [event for event, ups in played if ups == n] for n in range(1, UPSES + 1)}
        faults = find_faults(home.database, receivers, {**ids, "all": [event for event, _ in played]}, done)
        states = Counter(row["state"] for row in read_deliveries(home.database) if row["digest"] is None)
        print(
            f"{events} events to {len(receivers)} targets, {done} kills, {time.monotonic() - started:.0f} s: "
            f"{sum(len(one.received) for one in receivers.values())} messages received, of "
            f"{states.total()} in the log ({states['uncertain']} uncertain); {len(faults)} faults"
        )
        for fault in faults[:20]:
            print("  ", fault)
        return not faults


def wait_for_next(receiver):
    """When the next message is answered."""
    seen = len(receiver.received)
    while len(receiver.received) == seen:
        time.sleep(0.002)
    return receiver.received[-1].at


def latency_round(count, rnd):
    """Seconds from the commit of an event to the 200 of its receiver, beyond `after_s` for the begin."""
    with house() as (home, receivers):
        receivers["all"].mode = DOWN
        process = home.start()
        home.wait_ready()
        time.sleep(1)
        lags = []
        for number in range(count):
            ups = 1 + number % UPSES
            receiver = receivers[f"t{ups}"]
            began = time.monotonic()
            event = home.begin(ups, number)
            lags.append(wait_for_next(receiver) - began - AFTER_S)
            began = time.monotonic()
            home.end(event)
            lags.append(wait_for_next(receiver) - began)
            time.sleep(rnd.uniform(0, 0.5))
        _, _, resident = resource_usage(process.pid)
        process.terminate()
        process.wait(10)
    lags.sort()
    p99 = lags[int(0.99 * (len(lags) - 1))]
    print(
        f"{len(lags)} messages: p50 {statistics.median(lags):.2f} s, p99 {p99:.2f} s, max {lags[-1]:.2f} s "
        f"beyond after_s; {resident:.0f} MiB (target: p99 3 s, 80 MiB)"
    )
    return p99 <= 3 and resident < 80


def main(events=200, kills=100):
    rnd = random.Random(5)
    results = [kill_round(events, kills, rnd), latency_round(60, rnd)]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
