"""`voltkeeper replay` with a real upsd, dummy-ups and upsmon, and recorded again by ingest."""

import os
import re
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from ingest.db.connection import connect
from tests.ingest.nut.lab import Lab, nut_program, until
from tests.ingest.playback.recorded import record
from tests.ingest.ups.ingest_process import IngestProcess
from tests.programs import free_port
from voltkeeper.cli import main

ROOT = Path(__file__).resolve().parents[2]
PID_FILE = Path("/run/nut/upsmon.pid")
SHORT_S, LONG_S, SPEED, POLL_S = 10, 100, 10, 2


def replay(folder, *arguments):
    return CliRunner().invoke(main, ["replay", "--config", str(folder / "config.yml"), *arguments])


def outages(database):
    with closing(connect(database, readonly=True)) as connection:
        return connection.execute("select id, name, seconds, watts_avg from outages order by id").fetchall()


def longest_gap_s(database):
    """The longest time between two samples of a UPS."""
    with closing(connect(database, readonly=True)) as connection:
        return connection.execute(
            """select max(gap_s) from (select 86400 * (julianday(sampled_at)
              - julianday(lag(sampled_at) over (partition by ups order by sampled_at))) as gap_s
            from ups_samples)"""
        ).fetchone()[0]


def forget_stale_number():
    """upsmon leaves the number of its process behind; where another program has got it, the next one ends."""
    with suppress(OSError, ValueError):  # there is no such file, or no such process
        pid = int(PID_FILE.read_text())
        if Path(f"/proc/{pid}/comm").read_text().strip() != "upsmon":
            PID_FILE.unlink()


@pytest.fixture
def upsmon(tmp_path):
    """`upsmon(password, MONITOR)`: a real one; returns the lines `UPS EVENT` that its NOTIFYCMD logged."""
    processes = []
    log = tmp_path / "notified"

    def start(*monitored):
        program = tmp_path / "notify"
        program.write_text(f'#!/bin/sh\necho "$UPSNAME $NOTIFYTYPE" >> {log}\n')
        program.chmod(0o755)
        kinds = "ONLINE ONBATT LOWBATT FSD SHUTDOWN REPLBATT".split()
        lines = [f"MONITOR {one} secondary" for one in monitored]
        lines += [
            "MINSUPPLIES 0", "POLLFREQ 1", "POLLFREQALERT 1", "DEADTIME 30", "RUN_AS_USER root",
            f"NOTIFYCMD {program}", f'SHUTDOWNCMD "echo shutdown >> {log}"',
            *(f"NOTIFYFLAG {kind} EXEC" for kind in kinds),
        ]  # fmt: skip
        (tmp_path / "upsmon.conf").write_text("\n".join(lines) + "\n")
        forget_stale_number()
        environment = {
            "NUT_CONFPATH": str(tmp_path),
            "NUT_ALTPIDPATH": str(tmp_path),
            "NUT_STATEPATH": str(tmp_path),
        }
        with (tmp_path / "upsmon.log").open("w") as output:
            command = [nut_program("upsmon"), "-F", "-p"]
            processes.append(
                subprocess.Popen(command, env=os.environ | environment, stdout=output, stderr=output)
            )
        return lambda: log.read_text().splitlines() if log.exists() else []

    yield start
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def serve(tmp_path):
    """`serve(port)`: `voltkeeper replay` that serves the longer outage of a recorded site."""
    folder, started = tmp_path / "recorded", []

    def start(port):
        command = [sys.executable, "-m", "voltkeeper", "replay", "--config", str(folder / "config.yml")]
        long = outages(folder / "telemetry.db")[1][0]
        arguments = [str(long), "--serve", str(port), "--speed", str(SPEED)]
        started.append(subprocess.Popen([*command, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True))
        assert f" on 127.0.0.1:{port}, on mains for 12 s" in started[0].stdout.readline()

    yield start
    printed = []
    for line in started[0].stdout:
        printed.append(line)
        if "It is over" in line:
            break
    started[0].terminate()
    assert started[0].wait(60) == 0
    statuses = re.findall(r"rack: (.+)", "".join(printed))
    assert statuses == ["OL", "OB DISCHRG", "OB DISCHRG LB", "OL CHRG"]


@pytest.mark.timeout(180)
def test_a_replay_is_seen_by_upsmon_and_recorded_again_as_it_was(serve, upsmon, tmp_path):
    """Ingest polls before anything is played: it may take longer to start than the lead on mains."""
    folder, again = tmp_path / "recorded", tmp_path / "again"
    folder.mkdir()
    again.mkdir()
    record(folder, [(7200, SHORT_S), (3600, LONG_S)], names=("rack@closet",))
    (short, _, short_s, short_w), (_, _, long_s, long_w) = outages(folder / "telemetry.db")
    written = replay(folder, str(short), "--to", str(tmp_path / "out"))
    assert written.exit_code == 0 and "driver = dummy-ups" in written.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["rack.dev", "rack.seq"]
    users, port = "[watcher]\n  password = watch\n  upsmon secondary\n", free_port()
    with Lab({"rack": tmp_path / "out" / "rack.seq"}, maxage=30, start=False, users=users) as lab:
        servers = f"{{name: lab, host: 127.0.0.1, port: {lab.port}, poll_s: {POLL_S}}}"
        fast = f"{{name: fast, host: 127.0.0.1, port: {port}, poll_s: {POLL_S}}}"
        with IngestProcess(again, f"nut: [{servers}, {fast}]\n") as ingest:
            for source in ("lab", "fast"):
                until(lambda source=source: ingest.status(source).get("state"), lambda state: state == "lost")
            serve(port)
            lab.start_driver("rack")
            lab.start_upsd()
            assert lab.wait("rack", "OL", 60) == "OL"
            notified = upsmon(
                f"rack@127.0.0.1:{lab.port} 0 watcher watch",
                f"rack@127.0.0.1:{port} 0 replay replay",
            )
            ingest.wait_event("rack@lab", "ONBATT", is_open=False)
            ingest.wait_event("rack@fast", "ONBATT", is_open=False)
            model = ingest.rows("select value from ups_variables where variable = 'ups.model'")
        for server in (f"rack@127.0.0.1:{lab.port}", f"rack@127.0.0.1:{port}"):
            seen = until(
                lambda server=server: [line.split()[1] for line in notified() if line.startswith(server)],
                lambda kinds: "ONLINE" in kinds,
            )
            assert seen == ["ONBATT", "LOWBATT", "ONLINE"], (tmp_path / "upsmon.log").read_text()
    assert [row["value"] for row in model] == ['Smart "1500" #2'] * 2
    recorded = {name: (seconds, watts) for _, name, seconds, watts in outages(again / "t.db")}
    late_s = 2 * max(0.0, longest_gap_s(again / "t.db") - POLL_S)  # on a busy machine polls are late
    assert recorded["rack@lab"][0] == pytest.approx(short_s, abs=3 + late_s)
    assert recorded["rack@lab"][1] == pytest.approx(short_w, rel=0.02)
    assert recorded["rack@fast"][0] == pytest.approx(long_s / SPEED, abs=3 + late_s)
    assert recorded["rack@fast"][1] == pytest.approx(long_w, rel=0.02)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("99", "--to", "out"), 1, "There is no outage 99. No outage was recorded yet."),
        (("1",), 2, "Either --to DIR or --serve PORT"),
        (("1", "--to", "out", "--serve", "0"), 2, "Either --to DIR or --serve PORT"),
        (("1", "--to", "out", "--speed", "2"), 2, "--speed is for --serve"),
        (("rack", "--to", "out"), 2, "rack: neither the id of an outage, such as 12, nor a day"),
        (("1", "--serve", "0", "--speed", "0"), 2, "0.1<=x<=10000"),
    ],
)
def test_what_cannot_be_played(tmp_path, arguments, code, message):
    if code == 1:
        record(tmp_path, [], names=())
    result = replay(tmp_path, *arguments)
    assert (result.exit_code, message in result.output) == (code, True), result.output
    assert not Path("out").exists()


def test_a_port_that_is_taken_and_a_folder_that_cannot_be_made(tmp_path, served_port):
    record(tmp_path, [(3600, 10)], names=("rack@closet",))
    result = replay(tmp_path, "1", "--serve", str(served_port))
    assert result.exit_code == 1 and f"Port {served_port} of 127.0.0.1 cannot be served: " in result.output
    (tmp_path / "file").write_text("")
    result = replay(tmp_path, "1", "--to", str(tmp_path / "file"))
    assert result.exit_code == 1 and "The replay failed: " in result.output


@pytest.fixture
def served_port():
    """A port that another program listens on."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]
