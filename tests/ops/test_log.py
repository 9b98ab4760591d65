"""The log: one line an event, nothing secret, rotated between programs."""

import logging
import sys

import pytest

from ingest.config import Log
from ingest.log import set_up

WRITER = """
import logging, sys
from pathlib import Path
from ingest.config import Log
from ingest.log import set_up
set_up(Log(file=Path(sys.argv[1]), rotate_mb=0.002, keep=50), sys.argv[2])
for n in range(200):
    logging.getLogger("x").info("event %s-%d", sys.argv[2], n)
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


def test_one_line_an_event(capsys):
    set_up(Log(), "ingest")
    logging.getLogger("ingest.x").info("node says %s", "a\nb\x1b[31m\r\n2026-01-01 00:00:00 INFO ingest: forged")
    logging.getLogger("ingest.x").debug("not shown")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("INFO ingest: node says a | b\\x1b[31m | 2026-01-01 00:00:00 INFO ingest: forged")


def test_a_traceback_follows_its_line_indented(capsys):
    set_up(Log(), "web")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("x").exception("it broke")
    first, *rest = capsys.readouterr().err.splitlines()
    assert first.endswith("ERROR web: it broke")
    assert rest and all(line.startswith("    ") for line in rest)


def test_what_nut2_logs_on_the_root_logger_is_not_shown(capsys, tmp_path):
    set_up(Log(level="DEBUG", file=tmp_path / "v.log"), "ingest")
    logging.debug("[connect] password hunter2")
    logging.getLogger("ingest.nut").debug("polled")
    shown = capsys.readouterr().err + (tmp_path / "v.log").read_text()
    assert "hunter2" not in shown and shown.count("DEBUG ingest: polled") == 2


def test_importing_nut2_changes_nothing(capsys):
    set_up(Log(), "ingest")
    before = logging.getLogger().handlers[:]
    import nut2

    assert nut2.__version__ and logging.getLogger().handlers == before


@pytest.mark.parametrize(("level", "shown"), [("INFO", False), ("DEBUG", True)])
def test_the_access_log_is_for_debugging(capsys, level, shown):
    set_up(Log(level=level), "web")
    logging.getLogger("uvicorn.access").info("GET / 200")
    assert ("DEBUG web: GET / 200" in capsys.readouterr().err) == shown


def test_setting_up_twice_logs_once(capsys):
    set_up(Log(), "up")
    set_up(Log(), "up")
    logging.getLogger("x").warning("once")
    assert capsys.readouterr().err.count("once") == 1


def test_two_programs_share_a_rotated_file(tmp_path, start):
    programs = [start(sys.executable, "-c", WRITER, tmp_path / "logs/v.log", name) for name in "ab"]
    assert [program.wait() for program in programs] == [0, 0]
    files = list((tmp_path / "logs").glob("v.log*"))
    lines = [line for file in files if file.suffix != ".lock" for line in file.read_text().splitlines()]
    written = sorted(line.rpartition(" ")[2] for line in lines)
    assert written == sorted(f"{name}-{n}" for name in "ab" for n in range(200))
    assert len(files) > 3


def test_a_log_file_that_cannot_be_written(voltkeeper, write_config, tmp_path):
    (tmp_path / "file").write_text("")
    write_config("log: {file: file/v.log}")
    program = voltkeeper("up")
    assert program.wait() == 2
    assert "log.file" in program.text and "cannot be written" in program.text
