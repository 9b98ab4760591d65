"""The daemon as a process: stopping, being killed, a locked file, two of them, a flood of lines."""

import random
import signal
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from ingest.daemon import DaemonTiming
from ingest.db.connection import connect
from ingest.pipeline.open_database import WriterTiming

# A file that is locked is tried again soon.
LOCKED = DaemonTiming(busy_timeout_s=0.05, writer=WriterTiming(poll_s=0.05, retry_s=0.05))


def gateway_text(*gateways, commit_s=1):
    entries = ", ".join(f"{{name: {name}, tcp: '{address}'}}" for name, address in gateways)
    return f"commit_s: {commit_s}\ntimezone: Europe/Rome\ngateways: [{entries}]\n"


def lines(first, count):
    """Lines whose payload is their number, of ten nodes."""
    return "".join(
        f"{number % 10 + 1};1;1;0;18;{number}\n" for number in range(first, first + count)
    ).encode()


def numbers(site):
    return [
        int(text)
        for text in site.column("select payload from messages where type_name = 'V_KWH' order by id")
    ]


def test_sigterm_stores_what_was_received(site, tiny, eventually):
    tiny.answers = False  # an answer of its own would end the cut line
    daemon = site.start(gateway_text(("main", tiny.address), commit_s=60))
    tiny.connected()
    tiny.write(lines(0, 500) + b"1;1;1;0;18;cut")
    tiny.wait("10;255;3;0;19;")  # so the lines have been read
    assert numbers(site) == []
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(20) == 0
    assert numbers(site) == list(range(500))
    assert site.column("select raw from rejects") == ["1;1;1;0;18;cut"]
    assert site.rows("select state, detail from ingest_status") == [("stopped", "ingest was stopped")]
    assert "Stopped; everything received is stored" in site.log()
    assert len(site.log().splitlines()) < 20  # at INFO, no line for a message


def test_kill_9_in_a_stream_leaves_a_whole_file_and_takes_the_uncommitted_part_at_most(site, tiny):
    chance = random.Random(9)
    sent = 0
    for _ in range(4):
        daemon = site.start(gateway_text(("main", tiny.address), commit_s=0.2))
        before = tiny.connects
        tiny.connected(before + 1)
        first, committed = sent, []
        enough = first + 400 + chance.randrange(1200)
        while not committed or committed[-1] < enough:
            tiny.write(lines(sent, 20))
            sent += 20
            time.sleep(0.005)
            assert sent < first + 100_000
            if sent % 200 == 0:
                committed = numbers(site)
        daemon.kill()
        daemon.wait()
        connection = sqlite3.connect(site.path)
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        connection.close()
        stored = [number for number in numbers(site) if number >= first]
        # A beginning of what was sent, no holes, nothing twice; all that had been committed.
        assert stored == list(range(first, first + len(stored)))
        assert stored[-1] >= committed[-1] >= enough
        assert site.rows("select count(*) from readings") == site.rows(
            "select count(*) from messages where type_name = 'V_KWH'"
        )
        tiny.drop()
    assert site.rows("select sum(readings) from channels") == site.rows("select count(*) from readings")
    assert site.rows("select sum(count) from readings_hourly") == site.rows("select count(*) from readings")
    assert site.rows(
        "select sum(messages) from node_daily where child_id is null and node <> 0"
    ) == site.rows("select count(*) from readings")


def test_an_id_that_a_node_heard_of_outlives_kill_9(site, tiny):
    given = []
    for _ in range(3):
        daemon = site.start(gateway_text(("main", tiny.address), commit_s=60))
        tiny.received.clear()
        tiny.connected(len(given) + 1)
        tiny.say(f"255;{len(given)};3;0;3;")
        [answer] = tiny.wait("255;.*")
        daemon.kill()
        daemon.wait()
        tiny.drop()
        given.append(answer)
    assert given == ["255;0;3;0;4;1", "255;1;3;0;4;2", "255;2;3;0;4;3"]


def test_a_locked_database_loses_nothing_and_counts_nothing_twice(site, tiny, eventually):
    def play():
        tiny.connected()
        site.wait("select 1 from messages")
        holder = sqlite3.connect(site.path, isolation_level=None)
        holder.execute("begin immediate")
        tiny.write(lines(0, 3000))
        tiny.wait("10;255;3;0;19;")  # it goes on reading and answering
        tiny.say("12;255;3;0;6;0")
        tiny.wait("12;255;3;0;6;M")
        time.sleep(0.5)
        assert numbers(site) == []
        holder.rollback()
        holder.close()
        site.wait("select 1 where (select count(*) from readings) = 3000")

    site.timing = LOCKED
    site.live(site.config({"tcp": tiny.address}), play)
    assert numbers(site) == list(range(3000))
    assert site.rows("select sum(readings) from channels") == [(3000,)]
    assert site.rows("select sum(count) from readings_hourly") == [(3000,)]
    assert site.rows(
        "select sum(messages) from node_daily where child_id is null and node between 1 and 10"
    ) == [(3000,)]


def test_200_000_lines_in_one_go_are_all_stored_in_bounded_memory(site, tiny):
    daemon = site.start(gateway_text(("main", tiny.address)))
    tiny.connected()
    site.wait("select 1 from messages")
    status = Path(f"/proc/{daemon.pid}/status")

    def peak_mb():
        return (
            int(next(line for line in status.read_text().splitlines() if line.startswith("VmHWM")).split()[1])
            / 1024
        )

    before = peak_mb()
    data = lines(0, 200_000)
    thread = threading.Thread(target=tiny.write, args=(data,))
    thread.start()
    site.wait("select 1 from messages where payload = '199999'", seconds=90)
    thread.join()
    grown = peak_mb() - before
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(20) == 0
    assert numbers(site) == list(range(200_000))
    assert site.rows("select max(connects) from ingest_status") == [(1,)]
    assert grown < 120


def test_while_the_disk_is_behind_the_gateway_waits_and_is_not_taken_for_silent(site, tiny, eventually):
    site.timing = LOCKED
    site.set_gateway_times(pause_backlog=500, resume_backlog=100, keepalive_s=0.1, idle_timeout_s=0.3)

    def play():
        tiny.connected()
        site.wait("select 1 from messages")
        holder = connect(site.path)
        holder.execute("begin immediate")
        thread = threading.Thread(target=tiny.write, args=(lines(0, 60_000),))
        thread.start()
        [writer] = [thread for thread in threading.enumerate() if thread.name == "writer"]
        eventually(lambda: writer.backlog > 500)
        time.sleep(1)  # longer than the idle timeout
        backlog = writer.backlog
        holder.rollback()
        holder.close()
        site.wait("select 1 from messages where payload = '59999'", seconds=60)
        thread.join()
        return tiny.connects, backlog

    connects, backlog = site.live(site.config({"tcp": tiny.address}), play)
    assert connects == 1
    assert 500 < backlog < 30_000  # one read beyond the mark at most
    assert numbers(site) == list(range(60_000))


def test_two_daemons_do_not_read_one_gateway(site, tiny):
    text = gateway_text(("main", tiny.address))
    first = site.start(text)
    tiny.connected()
    second = site.start(text)
    assert second.wait(20) == 1
    assert "Gateway main is read by another voltkeeper" in site.log()
    assert first.poll() is None
    assert tiny.connects == 1


def test_only_some_gateways_by_name(site, tiny, tiny_gateway, capsys):
    from ingest.daemon import run_ingest

    second = tiny_gateway()
    config = site.config({"tcp": tiny.address}, {"name": "shed", "tcp": second.address})
    assert run_ingest(config, ["barn"]) == 2
    assert "No source named barn; the config has: main, shed" in capsys.readouterr().err


def test_without_a_gateway_it_makes_the_file_and_waits(site, eventually):
    daemon = site.start("gateways: []\n")
    eventually(lambda: site.path.exists() and "Reading no source" in site.log())
    daemon.send_signal(signal.SIGINT)
    assert daemon.wait(20) == 0


@pytest.mark.parametrize(
    "line",
    [
        "12;255;3;0;12;" + "9" * 24,
        "12;255;3;0;31;1e200",
        "12;255;3;0;32;1e200",
        "12;255;3;0;0;1e999",
        "12;98;1;0;28;{S:" + "9" * 30 + "}",
        "12;1;1;0;18;" + "9" * 240,
        "12;1;1;0;18;1e308",
        "12;255;0;0;17;\x00",
        "12;1;0;0;6;\x1b[31m",
    ],
)
def test_no_line_ends_the_daemon(site, tiny, line):
    def play():
        tiny.connected()
        tiny.say(line, line)
        site.wait("select 1 from messages where node_id = 12")
        tiny.say("13;1;1;0;18;21")
        site.wait("select 1 from readings where value = 21")

    site.live(site.config({"tcp": tiny.address}), play)
    connection = connect(site.path, readonly=True)
    for table in ("readings", "channels", "readings_hourly", "nodes"):
        for row in connection.execute(f"select * from {table}"):
            assert not any(value in (float("inf"), float("-inf")) for value in row)
    connection.close()
