"""Simulated days of a site in minutes, with faults of every kind: are all counts right, is memory flat?

    python benchmarks/soak.py [--days 30] [--minutes 40] [--rate 50] [--no-web] [--only kill,outage]

Time passes in leaps of CLOCK_BOOTTIME and of the wall clock (clock_shim.py), as on a machine that is
suspended again and again. A gateway numbers its lines, and a NUT server makes outages that are counted.
`voltkeeper ingest` and `web` are the real ones; the site prunes at night. In the first and the last third
of the days ingest is killed and restarted, too; in the middle it runs through, and its memory is compared.

At the end each missing line has to be one of the last seconds before a kill, none may be there twice or out
of order, and the tables that are summed up have to agree with the lines.
"""

import argparse
import itertools
import os
import random
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

from clock_shim import ClockShim
from common import free_port
from fault_tools import NUMBER, Bench, IoShim, locked, wait_for
from faults_wires import Wire, ask

DAY_S = 86_400
LEAP_S = 600.0
RESTARTS = ("stop", "kill")
OTHERS = ("drop", "freeze", "noise", "lock", "disk", "step", "outage", "upsd", "backup")
LOST_S = 2.5  # lines of so many seconds before a kill may be lost: the last commit, on a busy machine
CONFIG = """nut: [{{name: closet, port: {port}, poll_s: 2, status_s: 1}}]
retention: {{messages_days: 10, readings_days: 12, ups_samples_days: 12, polls_days: 12, at: "03:00"}}
web: {{port: {web}}}
"""
SUMS = {
    "file": ("pragma integrity_check", "ok"),
    "outages open": ("select count(*) from events where event = 'ONBATT' and ended_at is null", 0),
    "ids in order": ("select count(*) from messages where id <= 0", 0),
}


class Upsd(Wire):
    """A NUT server with one UPS, whose status is set."""

    def __init__(self):
        self.status, self.mode = "OL", "well"
        super().__init__(self._talk)

    def _talk(self, connection):
        with connection.makefile("rb") as requests:
            for line in requests:
                if self.mode == "gone":
                    return
                connection.sendall(self._answer(line.decode().strip()))

    def _answer(self, request):
        if self.mode == "noise":
            return random.randbytes(40) + b"\n"
        if request == "VER":
            return b"Network UPS Tools upsd 2.8.0 - soak\n"
        if request == "LIST UPS":
            return b'BEGIN LIST UPS\nUPS rack "Rack"\nEND LIST UPS\n'
        if request == "GET VAR rack ups.status":
            return f'VAR rack ups.status "{self.status}"\n'.encode()
        if request == "LIST VAR rack":
            values = {
                "ups.status": self.status,
                "battery.charge": "97",
                "ups.load": "31",
                "input.voltage": "231",
            }
            rows = "".join(f'VAR rack {name} "{value}"\n' for name, value in values.items())
            return f"BEGIN LIST VAR rack\n{rows}END LIST VAR rack\n".encode()
        return b"ERR UNKNOWN-COMMAND\n"


class Reader:
    """Reads the numbers of lines as they are stored, since the site prunes them."""

    def __init__(self, database):
        self._database, self._last = database, 0
        self.numbers = Counter()
        self.highest, self.reordered = -1, 0

    def read(self):
        sql = (
            "select id, cast(payload as integer), type from messages where id > ? and command = 1 order by id"
        )
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=30)) as connection:
            for id, number, type in connection.execute(sql, (self._last,)):
                self._last = id
                if type != NUMBER:
                    continue
                self.numbers[number] += 1
                self.reordered += number < self.highest
                self.highest = max(self.highest, number)


class Soak:
    """The site, its faults and what has been counted."""

    def __init__(self, folder, options):
        self.options, self.rnd = options, random.Random(options.seed)
        folder = Path(folder)
        self.clock, self.io, self.upsd = ClockShim(folder), IoShim(folder), Upsd()
        self.web_port = free_port()
        libraries = f"{self.clock.environment['LD_PRELOAD']}:{self.io.environment['LD_PRELOAD']}"
        environment = {**self.clock.environment, **self.io.environment, "LD_PRELOAD": libraries}
        extra = CONFIG.format(port=self.upsd.port, web=self.web_port)
        self.site = Bench(folder / "site", options.rate, extra, environment)
        self.reader = Reader(self.site.database)
        self.web = None
        self.done, self.kills, self.outages = Counter(), [], 0
        self.memory = {"ingest": [], "web": []}  # (day, MiB)
        self.pid = 0
        self.passed, self.boots = 0.0, 0

    # Processes.

    def start(self):
        self.site.start_connected()
        self.pid = self.site.process.pid
        self.site.wait_stored()
        if not self.options.no_web and self.web is None:
            ingest = self.site.process
            self.web = self.site.start("web")
            self.site.process = ingest
            wait_for(self.page, 90, 1)

    def page(self):
        with (
            suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{self.web_port}/nodes", timeout=20) as answer,
        ):
            return answer.status == 200
        return False

    def revive(self):
        """Start ingest again where it has ended."""
        if self.site.process.poll() is not None:
            self.start()

    # Faults. Each leaves everything well.

    def fault_drop(self):
        """The gateway closes its connection."""
        self.site.gateway.drop()

    def fault_freeze(self):
        """The machine hangs."""
        self.site.process.send_signal(signal.SIGSTOP)
        time.sleep(2)
        self.site.process.send_signal(signal.SIGCONT)

    def fault_noise(self):
        """The gateway sends what is no line."""
        self.site.gateway.inject(b"12;\xff;x;y\n;;;\n\x00\x01" + b"9" * 400 + b"\n")

    def fault_lock(self):
        """Another program holds the write lock."""
        with locked(self.site.database):
            time.sleep(4)

    def fault_disk(self):
        """Writes fail for a while: I/O errors, or the disk is full."""
        self.io.fail("ws", 1000, self.rnd.choice((5, 28)))
        time.sleep(3)
        self.io.heal()
        time.sleep(1)
        self.revive()

    def fault_step(self):
        """The wall clock is wrong for a while."""
        seconds = self.rnd.choice((-7200, -600, 900, 7200))
        self.clock.step(seconds)
        time.sleep(2.5)
        self.clock.step(-seconds)
        time.sleep(1.5)

    def fault_outage(self):
        """The mains fail; time goes on slowly."""
        self.upsd.status = "OB DISCHRG"
        on_battery = "select 1 from events where event = 'ONBATT' and ended_at is null"
        wait_for(lambda: ask(self.site, on_battery), 60, 0.2)
        for _ in range(3):
            self.clock.pass_time(40)
            time.sleep(1.2)
        self.upsd.status = "OL"
        wait_for(lambda: not ask(self.site, on_battery), 60, 0.2)
        self.outages += 1

    def fault_upsd(self):
        """The NUT server is gone, then it sends noise."""
        for mode in ("gone", "noise"):
            self.upsd.mode = mode
            time.sleep(2)
        self.upsd.mode = "well"

    def fault_backup(self):
        """A backup, and a prune by hand, beside it all."""
        self.site.run("backup", str(self.site.folder / "copy.db"), timeout=120)
        (self.site.folder / "copy.db").unlink(missing_ok=True)

    def fault_stop(self):
        """Ingest is restarted."""
        self.site.gateway.pause()  # what is on the wire when the connection is closed is lost for any reader
        self.site.stop(60)
        self.site.gateway.resume()
        self.start()

    def fault_kill(self):
        """kill -9, at once again where the machine loses power: the boot is another one then."""
        before = self.site.gateway.sent
        self.site.process.kill()
        self.site.process.wait()
        time.sleep(0.5)  # a block may be under way yet
        self.kills.append((before - LOST_S * self.options.rate, self.site.gateway.sent))
        if self.rnd.random() < 0.5:
            self.boots += 1
            self.clock.boot(f"boot-{self.boots}")
        self.start()

    # The days.

    def run(self):
        self.start()
        only = self.options.only.split(",") if self.options.only else RESTARTS + OTHERS
        restarts = tuple(name for name in RESTARTS if name in only)
        others = tuple(name for name in OTHERS if name in only)
        turn = {True: itertools.cycle(restarts + others), False: itertools.cycle(others)}
        began, days = time.monotonic(), self.options.days
        for day in range(days):
            middle = days > 3 and days / 3 <= day < days * 2 / 3
            faults = [next(turn[not middle]) for _ in range(self.options.faults)]
            until = began + (day + 1) * 60 * self.options.minutes / days
            self.one_day(day, faults, until)
        return self.finish()

    def one_day(self, day, faults, until):
        """Leaps over the day, the faults between them, spread over the time that there is for it."""
        end, number = (day + 1) * DAY_S, 0
        while self.passed < end:
            left = (end - self.passed) / LEAP_S
            if faults and number % 40 == 20:
                name = faults.pop()
                getattr(self, f"fault_{name}")()
                self.done[name] += 1
            number += 1
            self.passed += LEAP_S
            self.clock.pass_time(LEAP_S)
            time.sleep(max(0.02, (until - time.monotonic()) / max(1.0, left)))
        self.revive()
        self.reader.read()
        if self.web:
            self.page()
        for name, process in (("ingest", self.site.process), ("web", self.web)):
            if process and process.poll() is None:
                self.memory[name].append((day, process.pid, rss(process.pid)))
        memory = self.memory["ingest"][-1][2]
        print(
            f"day {day + 1}: {self.site.gateway.sent:,} lines, RSS {memory:.0f} MiB, {dict(self.done)}",
            flush=True,
        )

    def finish(self):
        """Compare; returns what is wrong."""
        time.sleep(1)
        self.site.gateway.pause(3)
        self.site.stop(60)
        self.reader.read()
        sent, numbers = self.site.gateway.sent, self.reader.numbers
        missing = [number for number in range(sent) if number not in numbers]
        lost = [
            number for number in missing if not any(first <= number <= last for first, last in self.kills)
        ]
        doubled = sum(times - 1 for times in numbers.values())
        wrong = [f"{len(lost)} lines lost beside kills, the first {lost[:3]}"] if lost else []
        if doubled or self.reader.reordered:
            wrong.append(f"{doubled} lines twice, {self.reader.reordered} out of order")
        stored = sum(numbers.values())
        print(f"{sent:,} lines sent, {stored:,} stored, {len(missing)} lost in {len(self.kills)} kills")
        wrong += self.check_sums(stored)
        wrong += self.check_memory()
        return wrong

    def check_sums(self, stored):
        def count(sql):
            return ask(self.site, sql)[0][0]

        daily = count(
            f"select sum(messages) from node_daily where child_id = 1 and type = {NUMBER} and command = 1"
        )
        hourly = count(
            "select sum(h.count) from readings_hourly h join channels c on c.id = h.channel "
            f"where c.type = {NUMBER}"
        )
        outages = count("select count(*) from events where event = 'ONBATT'")
        kept = count("select min(received_at) || ' to ' || max(received_at) from messages")
        print(f"node_daily {daily:,}, readings_hourly {hourly:,}, outages {outages} of {self.outages}")
        print(f"messages kept: {kept}")
        wrong = [f"{what}: {found}" for what, (sql, right) in SUMS.items() if (found := count(sql)) != right]
        for what, found, right in (
            ("daily", daily, stored),
            ("hourly", hourly, stored),
            ("outages", outages, self.outages),
        ):
            if found != right:
                wrong.append(f"{what}: {found}, not {right}")
        return wrong

    def check_memory(self):
        """Of the longest time without a restart, the second against the last third."""
        wrong = []
        for name, all_found in self.memory.items():
            by_process = {}
            for _, pid, size in all_found:
                by_process.setdefault(pid, []).append(size)
            sizes = max(by_process.values(), key=len, default=[])
            if len(sizes) < 6:
                continue
            third = len(sizes) // 3
            first, last = statistics.median(sizes[third : 2 * third]), statistics.median(sizes[-third:])
            print(
                f"{name}: {first:.1f} MiB, then {last:.1f} MiB in {len(sizes)} days without a restart, "
                f"at most {max(sizes):.1f}"
            )
            if last > first * 1.1:
                wrong.append(f"the memory of {name} grows")
        return wrong

    def close(self):
        for process in (self.web, self.site.process):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        self.site.close()
        self.upsd.close()


def rss(pid):
    """Resident MiB of a process now."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--rate", type=int, default=50, help="lines a second of real time")
    parser.add_argument("--faults", type=int, default=3, help="faults a day")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", default="", help="these faults alone, such as kill,outage")
    parser.add_argument("--no-web", action="store_true", help="ingest alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="voltkeeper-soak-") as folder:
        (Path(folder) / "site").mkdir()
        soak = Soak(folder, options)
        try:
            wrong = soak.run()
            if wrong and os.environ.get("SOAK_LOG"):
                Path(os.environ["SOAK_LOG"]).write_text(soak.site.log)
        finally:
            soak.close()
    print("\n".join(wrong) if wrong else "every count right, memory flat")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
