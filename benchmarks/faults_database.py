"""Faults of the database file and its disk: killed, locked, full, moved away, damaged, I/O errors."""

import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from common import ROOT, scalar
from fault_tools import (
    IoShim,
    SkipError,
    bench,
    count,
    expect,
    fill,
    heartbeats,
    locked,
    small_disk,
    wait_for,
)

sys.path.insert(0, str(ROOT))

from tests.helpers.failing_card import NoCardError, failing_card

SOON_S = 5.0  # for a moved database to be noticed
STOP_S = 9.0  # containers kill 10 s after SIGTERM


def kill_9(options):
    """SIGKILL again and again: what was committed stays, each line once and in order."""
    rnd = random.Random(3)
    with bench(rate=500) as one:
        for _ in range(options.kills):
            one.start_connected()
            time.sleep(rnd.uniform(0.1, 2.0))
            one.process.kill()
            one.process.wait()
        counted = one.settle()
    expect(not counted.doubled and not counted.reordered, counted)
    per_kill = counted.lost / options.kills / one.gateway.rate
    expect(per_kill < 1.5, f"{per_kill:.2f} s of lines lost per kill: {counted}")
    return f"{options.kills} kills: {counted}; {per_kill:.2f} s of lines per kill (commit_s is 1)"


def locked_for_a_while(options):
    """Another process holds the write lock for 12 s: nothing is lost, and who holds it is named."""
    with bench() as one:
        one.start_connected()
        one.wait_stored()
        with locked(one.database) as holder:
            beat = wait_for(lambda: next((b for b in heartbeats(one.database) if b["problem"]), None), 15)
            expect(f"process {holder.pid}" in beat["problem"], beat["problem"])
            code, status = one.run("status")
            expect(code == 0 and "does not run" not in status and "hangs" not in status, status)
            time.sleep(5)
        counted = one.settle()
    expect(counted.complete, counted)
    return f"{counted}; status: {status.splitlines()[0]}"


def stopped_while_locked(options):
    """SIGTERM while the file is locked: ingest ends in time, and the next start stores all."""
    with bench() as one:
        one.start_connected()
        one.wait_stored()
        with locked(one.database):
            time.sleep(1)
            one.gateway.pause()
            code, seconds = one.stop()
        expect(seconds < STOP_S, f"{seconds:.1f} s to end")
        expect("everything received is stored" not in one.log and "kept in the spool" in one.log, one.log)
        one.gateway.resume()
        counted = one.settle()
    expect(counted.complete, counted)
    return f"ended after {seconds:.1f} s with exit code {code}; after the next start {counted}"


def stopped_on_a_full_disk(options):
    """The disk is full, SIGTERM, the disk has space again, start: each line once and in order."""
    with small_disk(12) as folder, bench(folder) as one:
        one.start_connected()
        one.wait_stored()
        filler = fill(folder)
        beat = wait_for(lambda: next((b for b in heartbeats(one.database) if b["problem"]), None), 60)
        code, status = one.run("status")
        expect("disk is full" in status and "does not run" not in status, status)
        one.gateway.pause()
        code, seconds = one.stop()
        expect(seconds < STOP_S, f"{seconds:.1f} s to end")
        expect("everything received is stored" not in one.log, one.log)
        filler.unlink()
        one.gateway.resume()
        counted = one.settle()
    expect(counted.complete, counted)
    return f"{beat['problem'][:60]}...; ended after {seconds:.1f} s, exit code {code}; then {counted}"


def killed_after_restoring(options):
    """The spool is stored by a start that is killed at once, at different moments: each line still once."""
    with bench(rate=300) as one:
        one.start_connected()
        one.wait_stored()
        with locked(one.database):
            time.sleep(3)
            one.gateway.pause()
            one.stop()
        rnd = random.Random(5)
        for _ in range(6):
            one.start()
            time.sleep(rnd.uniform(0.4, 2.0))
            one.process.kill()
            one.process.wait()
        one.gateway.resume()
        counted = one.settle()
    expect(counted.complete, counted)
    return str(counted)


def _gone(change, followed_by=()):
    """Change the database while ingest runs under it, and count over the files there are afterwards."""
    with bench() as one:
        one.start_connected()
        one.wait_stored(50)
        others = change(one)
        began = time.monotonic()
        code = one.process.wait(30)
        seconds = time.monotonic() - began
        expect(seconds < SOON_S, f"noticed after {seconds:.1f} s")
        expect(code == 1 and "everything received is stored" not in one.log, f"{code}: {one.log[-500:]}")
        one.start_connected()
        counted = one.settle()
        files = [one.folder / name for name in others]
        both = count(one.gateway.sent, *files, one.database)
    expect(counted.stored and not both.doubled and not both.reordered, both)
    return seconds, both


def database_moved(options):
    """`mv telemetry.db old.db` while it is open."""

    def change(one):
        one.database.rename(one.folder / "old.db")
        return ["old.db"]

    seconds, both = _gone(change)
    expect(both.lost < 200, both)  # what the gateway sent between the two runs of ingest
    return f"noticed after {seconds:.1f} s; both files together: {both}"


def database_deleted(options):
    """`rm telemetry.db`, which a hard link shows to us: nothing is written into it afterwards."""

    def change(one):
        os.link(one.database, one.folder / "old.db")
        one.database.unlink()
        return ["old.db"]

    seconds, both = _gone(change)
    expect(both.lost < 200, both)
    return f"noticed after {seconds:.1f} s; both files together: {both}"


def database_replaced(options):
    """An older copy is moved over the database."""

    def change(one):
        one.run("backup", str(one.folder / "copy.db"))
        time.sleep(1)
        os.link(one.database, one.folder / "old.db")
        (one.folder / "copy.db").rename(one.database)
        return []

    with bench() as one:
        one.start_connected()
        one.wait_stored(50)
        change(one)
        code = one.process.wait(SOON_S)
        one.start_connected()
        counted = one.settle()
        old = count(one.gateway.sent, one.folder / "old.db")
    expect(code == 1 and not counted.doubled and not counted.reordered and not old.doubled, counted)
    return f"exit code {code}; the copy goes on: {counted}; the file before: {old}"


def log_deleted(options):
    """`rm telemetry.db-wal` while it is open: what it held gets into the file."""

    def change(one):
        (one.folder / "telemetry.db-wal").unlink()
        return []

    seconds, both = _gone(change)
    expect(both.lost < 200, both)
    return f"noticed after {seconds:.1f} s; {both}"


def io_errors(options):
    """All reads, writes and syncs of the database fail for 14 s: nothing is lost."""
    with bench() as one:
        shim = IoShim(one.folder)
        one.start_connected(**shim.environment)
        one.wait_stored()
        for operations in ("w", "s", "r", "rwst"):
            shim.fail(operations)
            time.sleep(3.5)
            shim.heal()
            time.sleep(1)
        alive = one.process.poll() is None
        counted = one.settle()
    expect(alive and counted.complete, f"runs: {alive}; {counted}")
    return str(counted)


def random_io_errors(options):
    """One of some operations fails, at random, for --io-seconds; ingest may restart, no line is doubled."""
    rnd = random.Random(11)
    with bench(rate=200) as one:
        shim = IoShim(one.folder)
        until, restarts = time.monotonic() + options.io_seconds, 0
        one.start_connected(**shim.environment)
        while time.monotonic() < until:
            shim.fail(rnd.choice(("w", "s", "r", "rw", "rwst")), rnd.choice((20, 100, 300, 1000)))
            time.sleep(rnd.uniform(0.2, 4))
            shim.heal()
            time.sleep(rnd.uniform(0.2, 2))
            if one.process.poll() is not None:
                restarts += 1
                one.start_connected(**shim.environment)
        counted = one.settle()
    expect(not counted.doubled and not counted.reordered, counted)
    expect(counted.lost <= restarts * one.gateway.rate * 2, f"{counted}, {restarts} restarts")
    return f"{options.io_seconds:.0f} s, {restarts} restarts: {counted}"


def stopped_among_io_errors(options):
    """SIGTERM while 3 of 10 operations fail, on the spool too: each line once, or said to be lost."""
    with bench(rate=200) as one:
        shim = IoShim(one.folder)
        for _ in range(5):
            one.start_connected(**shim.environment)
            one.gateway.resume()
            time.sleep(1)
            shim.fail("rwst", 300)
            time.sleep(1)
            one.gateway.pause()
            one.stop()
            shim.heal()
        one.gateway.resume()
        counted = one.settle()
        reported = sum(int(n) for n in re.findall(r"(\d+) lines are lost", one.log))
    expect(not counted.doubled and not counted.reordered and counted.lost <= reported, counted)
    return f"{counted}; {reported} said to be lost"


def frozen(options):
    """SIGSTOP for 8 s, as on a stalled SD card: nothing is lost."""
    with bench() as one:
        one.start_connected()
        one.wait_stored()
        one.process.send_signal(signal.SIGSTOP)
        time.sleep(8)
        one.process.send_signal(signal.SIGCONT)
        counted = one.settle()
    expect(counted.complete, counted)
    return str(counted)


def short_of_space(options):
    """Below min_free_mb raw messages pause and are counted; readings go on; then messages go on, too."""
    with small_disk(40) as folder, bench(folder) as one:
        one.start_connected()
        one.wait_stored()
        filler = fill(folder, leave=3_000_000)
        low = "select detail || ' ' || figures from events where event = 'DISK_LOW' and ended_at is null"
        wait_for(lambda: scalar(one.database, f"select count(*) from ({low})"), 20)
        time.sleep(4)
        _, status = one.run("status")
        expect("Critical Disk" in status, status)
        filler.unlink()
        wait_for(lambda: not scalar(one.database, f"select count(*) from ({low})"), 20)
        counted = one.settle()
        readings = scalar(one.database, "select count(*) from readings where text glob '[0-9]*'")
        left_out = scalar(
            one.database, "select figures ->> '$.messages' from events where event = 'DISK_LOW'"
        )
    expect(readings == counted.sent, f"{readings} readings of {counted.sent}")
    expect(0 < counted.lost <= left_out <= counted.lost + 5, f"{left_out} counted: {counted}")
    return f"{left_out} messages counted and not kept, {readings} readings of {counted.sent} lines kept"


def card_read_only(options):
    """The kernel makes the file system read-only: it is named, and what is lost at the end counted."""
    try:
        with (
            tempfile.TemporaryDirectory(prefix="voltkeeper-card-") as image,
            failing_card(Path(image), 64) as card,
            bench(card.folder) as one,
        ):
            one.start_connected()
            one.wait_stored()
            os.sync()  # the config of this program
            card.fail()
            wait_for(lambda: "is read-only" in one.log, 20)
            time.sleep(3)
            _, status = one.run("status")
            expect("is read-only" in status and "hangs" not in status, status)
            one.gateway.pause()
            _, seconds = one.stop()
            expect(seconds < STOP_S and "Traceback" not in one.log, one.log)
            code, output = one.run("ingest")
            expect(code == 1 and "Traceback" not in output and "read-only" in output, output)
            lost = sum(int(n) for n in re.findall(r"(\d+) lines are lost", one.log))
            card.repair()
            one.gateway.resume()
            counted = one.settle()
            expect(not counted.doubled and not counted.reordered and counted.lost <= lost, counted)
    except NoCardError as error:
        raise SkipError(f"no card that fails: {error}") from None
    return f"ended after {seconds:.1f} s, {lost} lines said to be lost; after the repair {counted}"


def started_on_a_full_disk(options):
    """A start without space: one message with the remedy, no traceback."""
    with small_disk(2) as folder, bench(folder) as one:
        fill(folder, leave=20_000)
        code, output = one.run("ingest")
    expect(code == 1 and "Traceback" not in output and "disk is full" in output, output)
    return output.strip().splitlines()[-1][-160:]


def started_on_a_damaged_file(options):
    """A start on a file with a damaged page: one message with the remedy, no traceback."""
    with bench() as one:
        one.start_connected()
        one.wait_stored(50)
        one.stop()
        whole = one.folder / "whole.db"
        shutil.copy(one.database, whole)
        lines = []
        for offset, size in ((0, 100), (1024, 4096), (40_960, 8192)):
            shutil.copy(whole, one.database)
            with one.database.open("r+b") as file:
                file.seek(offset)
                file.write(os.urandom(size))
            one.start()
            time.sleep(4)
            if one.process.poll() is None:
                one.stop()
            lines.append(one.log.strip().splitlines()[-1][-110:])
        expect("Traceback" not in one.log, one.log)
    return " | ".join(lines)


FAULTS = (
    kill_9,
    locked_for_a_while,
    stopped_while_locked,
    stopped_on_a_full_disk,
    killed_after_restoring,
    database_moved,
    database_deleted,
    database_replaced,
    log_deleted,
    io_errors,
    random_io_errors,
    stopped_among_io_errors,
    frozen,
    short_of_space,
    card_read_only,
    started_on_a_full_disk,
    started_on_a_damaged_file,
)
