"""The progress bar: on a terminal alone, one line that is taken away."""

import io
import os
import pty
import time

from ingest.process.progress import CLEAR_LINE, LABEL, WIDTH, ProgressBar


def test_nothing_is_written_where_there_is_no_terminal():
    file = io.StringIO()
    with ProgressBar(10, "Importing", file) as bar:
        bar.update(5)
        bar.show(10, 10)
    assert file.getvalue() == ""


def read_until(leader, drawings):
    """What a terminal got, once it got so many drawings: a pty passes them on in parts."""
    text = ""
    while text.count(CLEAR_LINE) < drawings:
        text += os.read(leader, 10_000).decode()
    return text


def test_a_terminal_gets_a_line_that_grows_and_goes(monkeypatch):
    clock = iter(range(0, 1000))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as file:
        with ProgressBar(200, "x" * 60, file) as bar:
            bar.update(50)
            bar.update(50)
        text = read_until(leader, drawings=4)
    os.close(leader)
    drawn = text.split("\r\x1b[K")[1:]
    assert drawn[0] == f"{'x' * LABEL} [{'.' * WIDTH}]   0 %"
    assert f"[{'#' * (WIDTH // 2)}{'.' * (WIDTH // 2)}]  50 %, about " in drawn[2] and drawn[2].endswith(
        " left"
    )
    assert drawn[-1] == "" and max(map(len, drawn)) < 80


def test_a_length_of_0_is_no_division():
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as file, ProgressBar(0, "Exporting", file):
        assert "0 %" in read_until(leader, drawings=1)
    os.close(leader)
