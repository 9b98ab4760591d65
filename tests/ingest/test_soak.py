"""A small form of `benchmarks/soak.py`: a day in leaps of the clock, a kill, an outage, a failing disk."""

import subprocess
import sys

import pytest

from tests.programs import ROOT, child_environment

OPTIONS = ("--days", "1", "--minutes", "0.1", "--no-web", "--only", "kill,outage,disk")


def test_a_day_with_faults_has_every_count_right():
    done = subprocess.run(
        [sys.executable, "benchmarks/soak.py", *OPTIONS],
        cwd=ROOT,
        env=child_environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    if "no C compiler" in done.stderr:
        pytest.skip("no C compiler")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every count right" in done.stdout and "outages 1 of 1" in done.stdout
    assert "'kill': 1" in done.stdout and "'disk': 1" in done.stdout
