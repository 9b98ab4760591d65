"""The command prune on a machine that starts with its clock in 2030: the clock of the process is set from
outside, by a library that is built with the C compiler."""

import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ingest.clock.belief import note_belief, read_belief, save_witness
from ingest.db.connection import connect, transaction

ROOT = Path(__file__).resolve().parents[3]
FOUR_YEARS_S = 4 * 365 * 86_400
CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *at) {
    int (*plain)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int done = plain(clock, at);
    if (!done && clock == CLOCK_REALTIME) at->tv_sec += atol(getenv("FAULT_SECONDS"));
    return done;
}
"""

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="no C compiler on this machine")


@pytest.fixture
def prune(house, tmp_path):
    """Run `voltkeeper prune` with the clock so many seconds ahead: (exit code, output)."""
    source, library = tmp_path / "clock.c", tmp_path / "clock.so"
    source.write_text(CLOCK)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True, timeout=60)
    config = tmp_path / "config.yml"
    config.write_text(f"database: {house.database.name}\ntimezone: UTC\nretention: {{messages_days: 90}}\n")

    def run(seconds, *options):
        environment = {**os.environ, "LD_PRELOAD": str(library), "FAULT_SECONDS": str(seconds)}
        done = subprocess.run(
            [sys.executable, "-m", "voltkeeper", "prune", "--config", str(config), *options],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=150,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_prune_deletes_nothing_until_a_user_confirms_the_clock(house, prune, ask):
    with closing(connect(house.database)) as connection, transaction(connection):
        save_witness(connection, read_belief(connection).witness)
    before = ask("select count(*) from messages")
    assert before > [(5_000,)]
    code, text = prune(FOUR_YEARS_S)
    assert code == 1 and "Nothing was deleted: the clock says" in text and "--clock-is-right" in text
    assert ask("select count(*) from messages") == before
    with closing(connect(house.database)) as connection:  # of this machine, whose clock is right
        assert note_belief(connection).is_believed
    code, text = prune(FOUR_YEARS_S, "--clock-is-right")
    assert code == 0, text
    assert ask("select count(*) from messages") < [(10,)]  # the user said so
