"""A small form of `benchmarks/faults.py`: real processes, faults from outside, numbered lines."""

import subprocess
import sys

from tests.programs import ROOT, child_environment

CHOSEN = ("kill_9", "stopped_while_locked")


def test_faults_from_outside_lose_double_and_reorder_nothing():
    done = subprocess.run(
        [sys.executable, "benchmarks/faults.py", "--kills", "1", *CHOSEN],
        cwd=ROOT,
        env=child_environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(CHOSEN)} right" in done.stdout
