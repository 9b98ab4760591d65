"""What fails again and again is a line a minute; what happens once is written as it is."""

import logging
import subprocess
import sys

import pytest

from ingest.process.log_summary import ALIKE, MAX_WINDOWS, OF_A_KIND, LogSummary
from tests.ingest.process.test_log import ROOT

KILLED = """
import logging
from ingest.config.model import Logging
from ingest.process.log import set_up
set_up(Logging(), "ingest")
for n in range(500):
    logging.getLogger("x").error("cannot write (disk is full), %d pending", n)
"""


class Log:
    """A LogSummary, its clock and what it wrote."""

    def __init__(self):
        self.now, self.lines = 0.0, []
        self.summary = LogSummary(lambda record: self.lines.append(record), lambda: self.now)

    def write(self, template, *args, level=logging.ERROR, name="x", error=None):
        record = logging.LogRecord(name, level, "", 1, template, args, error and (error, None, None))
        record.msg, record.args, record.template = record.getMessage(), None, template
        self.summary.handle(record)

    def take(self):
        lines, self.lines = [record.msg for record in self.lines], []
        return lines


@pytest.fixture
def log():
    return Log()


FAULTS = {
    "a full disk": ("Cannot write to the database (disk is full); %d pending, retrying", range(10**6)),
    "a lock": ("database is locked since %.1f s", (n * 2.0 for n in range(10**6))),
    "an address": ("cannot accept from 10.0.0.%d:5003", (n % 200 for n in range(10**6))),
    "a time": ("at %s", (f"12:{n % 60:02}:07" for n in range(10**6))),
    "many texts": ("node sends %s", ("abcdefgh" * (n % 97) for n in range(10**6))),
}


@pytest.mark.parametrize(("template", "values"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("pause_s", [2, 0.5])
def test_what_fails_for_an_hour_is_about_a_line_a_minute(log, template, values, pause_s):
    values = iter(values)
    for _ in range(int(3600 / pause_s)):
        log.write(template, next(values))
        log.now += pause_s
    log.summary.sum_up(at_once=True)
    lines_a_minute = OF_A_KIND + 1 if template == FAULTS["many texts"][0] else 1  # each may matter
    assert 55 <= len(log.lines) <= ALIKE + 61 * lines_a_minute


def test_no_occurrence_is_missing_from_the_numbers(log):
    for n in range(1, 101):
        log.write("failed %d times", n)
        log.now += 1
    log.now += 60
    log.summary.sum_up()
    assert log.take() == [
        "failed 1 times",
        "failed 2 times",
        "failed 3 times",
        "failed 60 times (the last of 57 such messages within 60 s)",
        "failed 100 times (the last of 40 such messages within 60 s)",
    ]


def test_after_a_quiet_minute_it_is_news_again(log):
    for _ in range(5):
        log.write("failed")
    log.take()
    log.now = 61
    assert log.summary.sum_up() == 60
    assert log.take() == ["failed (the last of 2 such messages within 60 s)"]
    log.now = 122
    assert log.summary.sum_up() is None
    log.write("failed")
    assert log.take() == ["failed"]


def test_a_single_repetition_is_written_as_it_was(log):
    for _ in range(ALIKE + 1):
        log.write("failed", error=OSError)
    log.take()
    log.summary.sum_up(at_once=True)
    [record] = log.lines
    assert (record.msg, record.exc_info, record.levelno) == ("failed", None, logging.ERROR)


@pytest.mark.parametrize(
    "others",
    [
        [{"template": f"{word} failed"} for word in ("disk", "port", "server", "radio", "page", "mail")],
        [{"template": "failed", "name": name} for name in "abcdef"],
        [{"template": "failed", "error": error} for error in (OSError, KeyError, ValueError, TypeError)],
        [{"template": "failed", "level": level} for level in (20, 30, 40, 50)],
        [{"template": "polled", "level": logging.DEBUG}] * 20,
    ],
)
def test_what_is_not_alike_is_written(log, others):
    for other in others:
        log.write(**other)
    assert len(log.take()) == len(others)


def test_an_endless_variety_of_messages_fills_no_memory(log):
    for n in range(20_000):
        log.write(f"{chr(97 + n % 26) * (n // 26 % 300)} at %d", n)
        log.now += 0.001
    assert len(log.summary._windows) <= 2 * MAX_WINDOWS + 1


def test_what_is_held_back_is_written_when_the_program_ends():
    program = subprocess.run([sys.executable, "-c", KILLED], cwd=ROOT, capture_output=True, text=True)
    lines = [line.partition("ERROR ingest: ")[2] for line in program.stderr.splitlines()]
    assert len(lines) == ALIKE + 1
    assert lines[-1] == "cannot write (disk is full), 499 pending (the last of 497 such messages within 60 s)"
