"""The log: one line an event, nothing secret, rotated between programs."""

import logging
import re
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ingest.config.model import Logging
from ingest.process.log import set_up

ROOT = Path(__file__).parent.parent.parent.parent
HELD = """
import logging, sys
from ingest.process.log import set_up
from ingest.config.model import Logging
set_up(Logging(level="DEBUG"), "ingest", queue_size=50)
for n in range(2000):
    logging.getLogger("x").debug("event %d %s", n, 200 * "x")
print("went on", flush=True)
sys.stdin.readline()
logging.getLogger().handlers[0].flush()
logging.getLogger("x").info("the last one")
"""
ORDERED = """
import logging
from ingest.config.model import Logging
from ingest.process.log import set_up
set_up(Logging(level="DEBUG"), "ingest")
for n in range(3000):
    logging.getLogger("x").debug("event %d", n)
"""
WRITER = """
import logging, sys
from pathlib import Path
from ingest.config.model import Logging
from ingest.process.log import set_up
set_up(Logging(level="DEBUG", file=Path(sys.argv[1]), rotate_mb=0.002, keep=50), sys.argv[2])
for n in range(200):
    logging.getLogger("x").debug("event %s-%d", sys.argv[2], n)
"""


@pytest.fixture(autouse=True)
def as_before():
    """Give the root logger back what it had."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    yield
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)


def test_lines_keep_their_order_and_all_of_them_are_written_at_the_end():
    code = ORDERED
    program = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=20
    )
    assert [line.rpartition(" ")[2] for line in program.stderr.splitlines()] == [str(n) for n in range(3000)]


def logged(capsys):
    """What was written to stderr since the last look."""
    logging.getLogger().handlers[0].flush()
    return capsys.readouterr().err


def test_one_line_an_event(capsys):
    set_up(Logging(), "ingest")
    logging.getLogger("ingest.x").info(
        "node says %s", "a\nb\x1b[31m\r\n2026-01-01 00:00:00 INFO ingest: forged"
    )
    logging.getLogger("ingest.x").debug("not shown")
    (line,) = logged(capsys).splitlines()
    assert line.endswith("INFO ingest: node says a | b\\x1b[31m | 2026-01-01 00:00:00 INFO ingest: forged")


def test_a_traceback_follows_its_line_indented(capsys):
    set_up(Logging(), "web")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("x").exception("it broke")
    first, *rest = logged(capsys).splitlines()
    assert first.endswith("ERROR web: it broke")
    assert rest and all(line.startswith("    ") for line in rest)


def test_what_nut2_logs_on_the_root_logger_is_not_shown(capsys, tmp_path):
    set_up(Logging(level="DEBUG", file=tmp_path / "v.log"), "ingest")
    logging.debug("[connect] password hunter2")
    logging.getLogger("ingest.nut").debug("polled")
    shown = logged(capsys) + (tmp_path / "v.log").read_text()
    assert "hunter2" not in shown and shown.count("DEBUG ingest: polled") == 2


def test_importing_nut2_changes_nothing(capsys):
    set_up(Logging(), "ingest")
    before = logging.getLogger().handlers[:]
    import nut2

    assert nut2.__version__ and logging.getLogger().handlers == before
    logged(capsys)


@pytest.mark.parametrize(("level", "shown"), [("INFO", False), ("DEBUG", True)])
def test_the_access_log_is_for_debugging(capsys, level, shown):
    set_up(Logging(level=level), "web")
    logging.getLogger("uvicorn.access").info("GET / 200")
    assert ("DEBUG web: GET / 200" in logged(capsys)) == shown


def test_setting_up_twice_logs_once(capsys):
    set_up(Logging(), "up")
    set_up(Logging(), "up")
    logging.getLogger("x").warning("once")
    assert logged(capsys).count("once") == 1


def test_two_programs_share_a_rotated_file(tmp_path, start):
    programs = [start(sys.executable, "-c", WRITER, tmp_path / "logs/v.log", name) for name in "ab"]
    assert [program.wait() for program in programs] == [0, 0]
    files = list((tmp_path / "logs").glob("v.log*"))
    lines = [line for file in files if file.suffix != ".lock" for line in file.read_text().splitlines()]
    written = sorted(line.rpartition(" ")[2] for line in lines)
    assert written == sorted(f"{name}-{n}" for name in "ab" for n in range(200))
    assert len(files) > 3


def test_no_thread_waits_for_a_log_that_no_program_reads(tmp_path, wait_for):
    pipe, output = subprocess.PIPE, tmp_path / "output.txt"
    command = [sys.executable, "-c", HELD]
    with (
        output.open("w") as file,
        subprocess.Popen(command, stdin=pipe, stdout=file, stderr=pipe, text=True, cwd=ROOT) as program,
    ):
        try:
            # 400 KB were logged, and a pipe holds 64
            wait_for(lambda: output.read_text() == "went on\n", timeout=60)
            _, log = program.communicate("\n", timeout=60)
        finally:
            program.kill()
    shown = [line for line in log.splitlines() if " event " in line]
    left_out = re.findall(r"WARNING ingest: (\d+) lines? (?:were|was) left out here", log)
    assert (
        len(shown) + sum(map(int, left_out)) == 2000
        and len(shown) > 50
        and "INFO ingest: the last one" in log
    )


def test_a_log_file_that_cannot_be_written(voltkeeper, write_config, tmp_path):
    (tmp_path / "file").write_text("")
    write_config("log: {file: file/v.log}")
    program = voltkeeper("up")
    assert program.wait() == 2
    assert "log.file" in program.text and "cannot be written" in program.text


@pytest.mark.parametrize("environment", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_all_programs_write_times_of_the_site(environment, monkeypatch, capsys):
    monkeypatch.setenv("TZ", environment)
    time.tzset()
    try:
        shown = []
        for program in ("up", "ingest", "web"):
            set_up(Logging(), program, timezone="Europe/Rome")
            logging.getLogger("x").warning("here")
            shown.append(logged(capsys))
    finally:
        monkeypatch.undo()
        time.tzset()
    times = [datetime.fromisoformat(" ".join(line.split(" ")[:2])) for line in shown]
    offset = datetime.now(ZoneInfo("Europe/Rome")).utcoffset()
    assert all(at.utcoffset() == offset for at in times)
    assert all(abs(at.timestamp() - time.time()) < 30 for at in times)


TURNS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize("odd", [*TURNS, "\u2028", "\u2029", "\ud800", "\x9b", "\x1b", "\x00"])
def test_characters_that_change_how_a_line_reads_are_written_by_number(odd, capsys, tmp_path):
    set_up(Logging(file=tmp_path / "log.txt"), "ingest")
    log = logging.getLogger("x")
    log.info("name %s end", f"ro{odd}om")
    try:
        raise ValueError(f"ro{odd}om")
    except ValueError:
        log.exception("failed")
    logging.getLogger().handlers[0].flush()
    for text in (capsys.readouterr().err, (tmp_path / "log.txt").read_text()):
        assert odd not in text and text.count(f"{ord(odd):02x}") >= 2
        assert len(text.splitlines()) == len(text.split("\n")) - 1
    logging.getLogger().handlers[0].close()


def test_the_file_is_for_its_owner_alone(tmp_path):
    path = tmp_path / "log.txt"
    path.write_text("")
    path.chmod(0o644)
    set_up(Logging(file=path, rotate_mb=0.0001, keep=2), "ingest")
    for number in range(20):
        logging.getLogger("x").info("line %d of a log that is rotated", number)
    logging.getLogger().handlers[0].flush()
    logging.getLogger().handlers[0].close()
    files = [one for one in tmp_path.iterdir() if not one.name.endswith(".lock")]
    assert len(files) > 1 and {one.stat().st_mode & 0o777 for one in files} == {0o600}
