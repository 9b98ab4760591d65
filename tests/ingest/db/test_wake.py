"""The pipe by which the site wakes ingest."""

import os
import time
from contextlib import suppress

from ingest.db.connection import connect
from ingest.db.wake import WakePipe, wake_ingest
from ingest.pipeline.open_database import WriterTiming
from ingest.pipeline.writer import Writer
from ingest.schema.migrate import migrate


class Looks:
    """A sink that notes when it was asked to look."""

    def __init__(self):
        self.times = []

    def absorb(self, item):
        raise AssertionError(item)

    def write(self, connection):
        return set()

    def committed(self):
        return

    def poll(self, connection, changed):
        self.times.append(time.monotonic())
        return False


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_wake_is_read_once_and_the_pipe_goes_with_its_process(tmp_path):
    database = tmp_path / "tele[1].db"
    pipe = WakePipe(database)
    assert files(tmp_path) == [f"tele[1].db-wake-{os.getpid()}"]
    for _ in range(3):
        wake_ingest(database)
    assert os.read(pipe.descriptor, 10) == b"\0\0\0"
    pipe.drain()
    pipe.close()
    assert files(tmp_path) == []
    wake_ingest(database)


def test_what_a_killed_process_left_is_removed_and_a_full_pipe_does_not_wait(tmp_path):
    database = tmp_path / "telemetry.db"
    os.mkfifo(tmp_path / "telemetry.db-wake-1")
    pipe = WakePipe(database)
    with suppress(BlockingIOError):
        while True:
            os.write(pipe.descriptor, b"\0" * 1024)
    wake_ingest(database)
    assert files(tmp_path) == [f"telemetry.db-wake-{os.getpid()}"]
    pipe.close()


def test_a_folder_without_pipes_leaves_it_at_the_usual_look(tmp_path):
    pipe = WakePipe(tmp_path / "gone" / "telemetry.db")
    assert pipe.descriptor is None
    pipe.drain()
    pipe.close()
    wake_ingest(tmp_path / "gone" / "telemetry.db")


def test_the_writer_looks_at_once(tmp_path):
    migrate(tmp_path / "telemetry.db")
    connection = connect(tmp_path / "telemetry.db")
    looks = Looks()
    writer = Writer(connection, commit_s=60, timing=WriterTiming(poll_s=60))
    writer.add(looks)
    writer.start()
    for wanted in range(2, 5):
        while len(looks.times) < wanted - 1:
            time.sleep(0.001)
        asked = time.monotonic()
        writer.poll_now()
        while len(looks.times) < wanted:
            assert time.monotonic() - asked < 10
            time.sleep(0.001)
    writer.stop()
    assert len(looks.times) == 5  # the last one on stop
    connection.close()
