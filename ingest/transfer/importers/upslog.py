"""A file of NUT's upslog(8), by its default format or that of `--format`, as upslog's `-f` took it.

Escapes: %% · %t a tab (2.8.2) · %TIME strftime% with @ for % · %ETIME% unix seconds · %HOST% · %UPSHOST% ·
%PID% · %VAR name%; upslog compares their names without regard to case. `-N` (2.8.2) puts `%UPSHOST%%t`
before the format. `NA` is what upslog writes for a variable that the UPS does not have, and for all of them
while the server does not answer; `INVALID` stands for an escape that it does not know.

With `-l -` other lines go to the same file: `Network UPS Tools upslog 2.8.0`, `logging status of rack@host
to - (30s intervals)`, and what is written to stderr, such as `Warning: initial connect failed: ...` and
`Signal 15: exiting`.
"""

import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from itertools import islice
from pathlib import Path

from ingest.transfer.importers.log_lines import LogSource
from ingest.transfer.records import ImportOptions, Item, Sample, Skip, TransferError
from ingest.transfer.timestamps import TimestampParser

DEFAULT = (
    "%TIME @Y@m@d @H@M@S% %VAR battery.charge% %VAR input.voltage% %VAR ups.load% [%VAR ups.status%] "
    "%VAR ups.temperature% %VAR input.frequency%"
)
WITH_NAMES = "%UPSHOST%%t"  # what -N puts before the format
ESCAPE = re.compile(r"%(%|(?i:TIME ([^%]*)%|VAR ([^%]*)%|ETIME%|HOST%|UPSHOST%|PID%)|t)")
DIRECTIVES = {
    "Y": r"\d{4}",
    "y": r"\d\d",
    "b": r"\w{3}",
    "B": r"\w+",
    "a": r"\w{3}",
    "A": r"\w+",
    "p": "[AaPp][Mm]",
    "s": r"\d+",
    "Z": r"\w+",
    "z": r"[+-]\d{4}",
}
SHORT = {"F": "%Y-%m-%d", "T": "%H:%M:%S", "R": "%H:%M", "D": "%m/%d/%y"}
NOT_THERE = ("", "NA", "INVALID")
NAME = "ups"
LONGEST = 4000  # characters of a line
SPARE = 12  # separators that values of a line may hold
HEAD = 200  # lines with text among which one of the format is looked for


class Format:
    """An upslog format as a pattern of its lines. Raises TransferError for one that holds no time."""

    def __init__(self, text: str) -> None:
        self._names: list[str] = []  # of the pattern's groups: "time", "etime", "upshost", or a variable
        self._time = ""
        pattern, end, between = "", 0, list[str]()
        for escape in ESCAPE.finditer(text):
            between.append(text[end : escape.start()])
            pattern += re.escape(between[-1]) + self._group(escape)
            end = escape.end()
        self._most = {part: count + SPARE for part, count in Counter(filter(None, between)).items()}
        self._pattern = re.compile(pattern + re.escape(text[end:]) + r"\s*")
        if "time" not in self._names and "etime" not in self._names:
            raise TransferError(f"--format {text!r} holds no time: %TIME ...% or %ETIME% is needed")

    def _group(self, escape: re.Match[str]) -> str:
        word, time, variable = escape.groups()
        if word in ("%", "t"):
            return {"%": "%", "t": "\t"}[word]
        if variable is not None:
            self._names.append(variable.strip())
            return "(.*?)"
        if time is not None:
            self._time = re.sub("%([FTRD])", lambda short: SHORT[short[1]], time.replace("@", "%"))
            self._names.append("time")
            pattern = re.sub(r"%(\w)", lambda one: DIRECTIVES.get(one[1], r"\d{1,3}"), re.escape(self._time))
            return f"({pattern})"
        if word.upper() == "ETIME%":
            self._names.append("etime")
            return r"(\d+)"
        if word.upper() == "UPSHOST%":
            self._names.append("upshost")
            return r"(\S+?)"
        return r"\S*?"

    def parse(self, line: str, timestamps: TimestampParser) -> tuple[float, dict[str, str]] | None:
        """(unix seconds, variables), or None for a line of another form. Raises ValueError for no time."""
        # A value may hold what separates values: more of that would be tried in too many ways.
        if len(line) > LONGEST or any(line.count(part) > most for part, most in self._most.items()):
            return None
        found = self._pattern.fullmatch(line)
        if found is None:
            return None
        values = dict(zip(self._names, found.groups(), strict=True))
        etime, time = values.pop("etime", ""), values.pop("time", "")
        at = timestamps.parse(etime) if etime else timestamps.seconds(datetime.strptime(time, self._time))
        return at, {name: text for name, text in values.items() if text not in NOT_THERE}


class UpslogSource(LogSource):
    """A file of upslog."""

    kind = "upslog"
    title = "upslog file"
    looked_for = "an upslog file: lines of upslog's default format, or of --format"

    @classmethod
    def recognises(cls, path: Path, options: ImportOptions) -> bool:
        """True for a file with a line of the format among its first ones."""
        return find_format(path, options.format) is not None

    def parser(self) -> Callable[[str], Item]:
        """Lines of the format as samples."""
        form = find_format(self._path, self._options.format) or Format(self._options.format or DEFAULT)
        timestamps = TimestampParser(self._options.timezone)

        def parse(line: str) -> Item:
            found = form.parse(line, timestamps)
            if found is None:
                return Skip("a line of another format")
            at, variables = found
            ups = variables.pop("upshost", NAME).partition(":")[0]  # without the port of the server
            if not variables:
                return Skip("all NA: the server did not answer")
            return Sample(at, self._options.ups_for(ups), variables.get("ups.status", ""), variables)

        return parse


def find_format(path: Path, given: str | None) -> Format | None:
    """The format of a file's lines, or None. Raises TransferError for a given one that holds no time."""
    forms = [Format(given)] if given else [Format(DEFAULT), Format(WITH_NAMES + DEFAULT)]
    timestamps = TimestampParser("UTC")
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in islice(filter(str.strip, iter(lambda: file.readline(LONGEST + 2), "")), HEAD):
            for form in forms:
                with suppress(ValueError):  # digits that are no time
                    if form.parse(line.rstrip("\r\n"), timestamps) is not None:
                        return form
    return None
