"""One process sends; others see that it runs, and that it has ended, however it ended."""

import signal
import subprocess
import sys

import pytest

from ingest.db.locks import LockedError
from outbound.sending_lock import is_sending, lock_sending

HOLD = """
import sys, time
from pathlib import Path
from outbound.sending_lock import lock_sending
lock_sending(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_the_lock_is_held_until_the_process_ends(tmp_path):
    database = tmp_path / "house.db"
    assert not is_sending(database)
    with subprocess.Popen([sys.executable, "-c", HOLD, database], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        assert is_sending(database)
        with pytest.raises(LockedError, match="stop it first"):
            lock_sending(database)
        process.send_signal(signal.SIGKILL)
    assert not is_sending(database)
    assert lock_sending(database) > 0
