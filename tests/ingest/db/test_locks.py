"""Locks between processes: of a whole file, of single bytes, gone with the process that held them."""

import os
import signal
import sys

import pytest

from ingest.db.locks import LockedError, is_byte_locked, lock_byte, lock_file

HOLDS = """
import sys, time
from ingest.db.locks import lock_byte, lock_file
path = sys.argv[1]
with lock_file(path):
    lock_byte(path, 3)
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(start, wait_for, tmp_path):
    """A process that holds the file `lock` and its byte 3."""
    program = start(sys.executable, "-c", HOLDS, tmp_path / "lock")
    wait_for(lambda: "held" in program.text, timeout=60)
    return program


def test_a_lock_that_another_process_holds_is_refused_with_a_message_until_that_dies(holder, tmp_path):
    path = tmp_path / "lock"
    with pytest.raises(LockedError, match=r"^come back later$"), lock_file(path, False, "come back later"):
        pytest.fail("two holders at once")
    with pytest.raises(LockedError, match="byte 3"):
        lock_byte(path, 3)
    assert is_byte_locked(path, 3) and not is_byte_locked(path, 2)
    holder.end(signal.SIGKILL)
    assert not is_byte_locked(path, 3)
    with lock_file(path, wait=False):
        os.close(lock_byte(path, 3))


def test_another_byte_is_free(holder, tmp_path):
    os.close(lock_byte(tmp_path / "lock", 4))


def test_a_file_lock_is_free_again_after_its_block(tmp_path):
    for _ in range(2):
        with lock_file(tmp_path / "lock", wait=False):
            pass


def test_what_fails_under_a_lock_is_not_taken_for_the_lock(tmp_path):
    with pytest.raises(BlockingIOError), lock_file(tmp_path / "lock"):
        raise BlockingIOError


def test_no_byte_of_a_missing_file_is_locked(tmp_path):
    assert not is_byte_locked(tmp_path / "none", 0)
