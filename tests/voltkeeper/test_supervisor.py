"""The supervisor with small real programs: restarts, the end of everything, and taking children along."""

import os
import signal
import sys
from itertools import pairwise

import pytest

SUPERVISOR = """
import asyncio, json, logging, sys
from voltkeeper.supervisor import Supervisor, SupervisorTiming
logging.basicConfig(level=logging.INFO, stream=sys.stderr)
options, commands = json.loads(sys.argv[1])
timing = SupervisorTiming(**options)
sys.exit(asyncio.run(Supervisor(commands, timing=timing, optional=("optional",)).run()))
"""
LIVES = "import time; print('alive', flush=True); time.sleep(60)"
FOLLOWS = "from voltkeeper.parent_pipe import follow_parent; follow_parent()\n" + LIVES
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + LIVES
DIES = "import time; print('born', time.monotonic(), flush=True)"


@pytest.fixture
def supervise(start):
    """A function that starts a supervisor of Python programs given as text by name."""
    import json

    def run(options=None, **programs):
        commands = {name: [sys.executable, "-c", text] for name, text in programs.items()}
        return start(sys.executable, "-c", SUPERVISOR, json.dumps([options or {}, commands]))

    return run


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_everything_with_exit_code_0(supervise, wait_for, number):
    program = supervise(one=LIVES, two=FOLLOWS)
    wait_for(lambda: program.text.count("alive") == 2)
    assert program.end(number) == 0
    assert program.family() == []


def test_children_stay_in_the_process_group(supervise, wait_for):
    program = supervise(one=LIVES)
    wait_for(lambda: "alive" in program.text)
    assert len(program.family()) == 2
    assert {os.getpgid(pid) for pid in program.family()} == {program.pid}


def test_a_child_that_does_not_listen_is_killed(supervise, wait_for):
    program = supervise({"stop_s": 0.3}, one=DEAF)
    wait_for(lambda: "alive" in program.text)
    assert program.end() == 0
    assert "did not end within 0.3 s of SIGTERM: killed" in program.text
    assert program.family() == []


def test_a_dead_child_starts_again_after_growing_pauses(supervise, wait_for):
    program = supervise({"first_s": 0.2, "last_s": 0.5}, one=DIES, two=LIVES)
    wait_for(lambda: program.text.count("born") >= 5)
    born = [float(line.split()[1]) for line in program.text.splitlines() if line.startswith("born")]
    pauses = [later - earlier for earlier, later in pairwise(born)]
    for pause, least in zip(pauses, (0.2, 0.4, 0.5, 0.5), strict=False):
        assert least <= pause
    restarts = [line for line in program.text.splitlines() if "one ended (exit code 0)" in line]
    said = [line.partition("starting it again in ")[2] for line in restarts]
    assert said[:4] == ["0.2 s", "0.4 s", "0.5 s", "0.5 s"]
    assert program.text.count("alive") == 1
    assert program.end() == 0


def test_a_steady_run_resets_the_pause(supervise, wait_for):
    text = DIES + "\nimport time; time.sleep(0.3)"
    program = supervise({"first_s": 0.1, "last_s": 30, "steady_s": 0.2}, one=text)
    wait_for(lambda: program.text.count("born") >= 5)
    assert "again in 0.2 s" not in program.text


def test_a_killed_child_starts_again(supervise, wait_for):
    program = supervise({"first_s": 0.1}, one=LIVES)
    wait_for(lambda: "alive" in program.text)
    (child,) = set(program.family()) - {program.pid}
    os.kill(child, signal.SIGKILL)
    wait_for(lambda: program.text.count("alive") == 2)
    assert "one ended (signal SIGKILL)" in program.text


def test_exit_code_2_of_a_child_ends_everything(supervise):
    program = supervise(one=LIVES, two="import sys, time; time.sleep(0.5); sys.exit(2)")
    assert program.wait() == 2
    assert "two ended because of its settings" in program.text
    assert program.family() == []


def test_exit_code_2_of_an_optional_child_ends_nothing(supervise, wait_for):
    program = supervise({"last_s": 0.3}, optional="print('wrong'); raise SystemExit(2)", one=LIVES)
    wait_for(lambda: program.text.count("optional ended (exit code 2)") >= 2)
    assert program.text.count("alive") == 1
    assert program.end() == 0


def test_a_command_that_does_not_exist_is_tried_again(start, wait_for):
    program = start(sys.executable, "-c", SUPERVISOR, '[{"first_s": 0.1}, {"one": ["/no/such/program"]}]')
    wait_for(lambda: program.text.count("cannot be started") >= 2)
    assert program.end() == 0


def test_a_signal_ends_the_pause_before_a_restart(supervise, wait_for):
    program = supervise({"first_s": 600, "last_s": 600}, one=DIES)
    wait_for(lambda: "starting it again in 600 s" in program.text)
    assert program.end() == 0


def test_children_end_when_the_supervisor_is_killed(supervise, wait_for):
    program = supervise(one=FOLLOWS, two=FOLLOWS)
    wait_for(lambda: program.text.count("alive") == 2)
    assert program.end(signal.SIGKILL) == -signal.SIGKILL
    wait_for(lambda: program.family() == [], timeout=5)


REPORTING = """
import asyncio, json, sys
from voltkeeper.supervisor import Supervisor, SupervisorTiming
file, options, commands = json.loads(sys.argv[1])
note = "import sys; open(sys.argv[1], 'a').write(' '.join(sys.argv[2:]) + chr(10))"
report = lambda name, why: [sys.executable, "-c", note, file, name, why]
timing = SupervisorTiming(**options)
sys.exit(asyncio.run(Supervisor(commands, timing=timing, report=report).run()))
"""


def test_every_third_death_within_ten_minutes_is_reported(start, wait_for, tmp_path):
    import json

    file = tmp_path / "reports"
    commands = {name: [sys.executable, "-c", text] for name, text in (("dies", DIES), ("lives", LIVES))}
    options = {"first_s": 0.01, "last_s": 0.01}
    program = start(sys.executable, "-c", REPORTING, json.dumps([str(file), options, commands]))
    wait_for(lambda: file.exists() and len(file.read_text().splitlines()) >= 2)
    assert program.end() == 0
    assert program.text.count("born") >= 6
    assert set(file.read_text().splitlines()) == {
        "dies 3 times within 10 min, the last time with exit code 0"
    }


def test_deaths_far_apart_are_not_reported(start, wait_for, tmp_path):
    import json

    file = tmp_path / "reports"
    options = {"first_s": 0.2, "last_s": 0.2, "deaths_s": 0.3}
    commands = {"dies": [sys.executable, "-c", DIES]}
    program = start(sys.executable, "-c", REPORTING, json.dumps([str(file), options, commands]))
    wait_for(lambda: program.text.count("born") >= 5)
    assert program.end() == 0
    assert not file.exists()
