"""Colours on a terminal, by the first word of a line; none in pipes, nor with NO_COLOR."""

import os
from typing import TextIO

import click

COLOURS = {
    "ok": "green",
    "note": "cyan",
    "FAILED": "red",
    "Critical": "red",
    "Warning": "yellow",
    "Stale": "yellow",
}


class Paint:
    """Colours the lines that go to `file`, where that is a terminal that wants colours."""

    def __init__(self, file: TextIO) -> None:
        self.is_on = file.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def line(self, text: str) -> str:
        """The line with its first word in its colour."""
        word = text.partition(" ")[0]
        return self.word(word) + text[len(word) :] if word in COLOURS else text

    def word(self, word: str, colour: str | None = None) -> str:
        """A word in its colour, or in this one."""
        colour = colour or COLOURS.get(word)
        return click.style(word, fg=colour, bold=True) if self.is_on and colour else word
