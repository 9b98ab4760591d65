"""A file of NUT's upslog(8), by its default format or that of `--format`, as upslog's `-f` took it.

Escapes: %% · %TIME strftime% with @ for % · %ETIME% unix seconds · %HOST% · %UPSHOST% · %PID% · %VAR name%.
`NA` is what upslog writes for a variable that the UPS does not have, and for all of them while the server
does not answer.
"""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from ingest.transfer.importers.log_lines import LogSource
from ingest.transfer.records import ImportOptions, Item, Sample, Skip, TransferError
from ingest.transfer.timestamps import TimestampParser

DEFAULT = (
    "%TIME @Y@m@d @H@M@S% %VAR battery.charge% %VAR input.voltage% %VAR ups.load% [%VAR ups.status%] "
    "%VAR ups.temperature% %VAR input.frequency%"
)
ESCAPE = re.compile(r"%(%|TIME ([^%]*)%|VAR ([^%]*)%|ETIME%|HOST%|UPSHOST%|PID%)")
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
NOT_THERE = "NA"
NAME = "ups"


class Format:
    """An upslog format as a pattern of its lines. Raises TransferError for one that holds no time."""

    def __init__(self, text: str) -> None:
        self._names: list[str] = []  # of the pattern's groups: "time", "etime", or a variable
        self._time = ""
        pattern, end = "", 0
        for escape in ESCAPE.finditer(text):
            pattern += re.escape(text[end : escape.start()]) + self._group(escape)
            end = escape.end()
        self._pattern = re.compile(pattern + re.escape(text[end:]) + r"\s*")
        if "time" not in self._names and "etime" not in self._names:
            raise TransferError(f"--format {text!r} holds no time: %TIME ...% or %ETIME% is needed")

    def _group(self, escape: re.Match[str]) -> str:
        word, time, variable = escape.groups()
        if word == "%":
            return "%"
        if variable is not None:
            self._names.append(variable.strip())
            return "(.*?)"
        if time is not None:
            self._time = re.sub("%([FTRD])", lambda short: SHORT[short[1]], time.replace("@", "%"))
            self._names.append("time")
            pattern = re.sub(r"%(\w)", lambda one: DIRECTIVES.get(one[1], r"\d{1,3}"), re.escape(self._time))
            return f"({pattern})"
        if word == "ETIME%":
            self._names.append("etime")
            return r"(\d+)"
        return r"\S*?"

    def parse(self, line: str, timestamps: TimestampParser) -> tuple[float, dict[str, str]] | None:
        """(unix seconds, variables), or None for a line of another form. Raises ValueError for no time."""
        found = self._pattern.fullmatch(line)
        if found is None:
            return None
        values = dict(zip(self._names, found.groups(), strict=True))
        etime, time = values.pop("etime", ""), values.pop("time", "")
        at = timestamps.parse(etime) if etime else timestamps.seconds(datetime.strptime(time, self._time))
        return at, {name: text for name, text in values.items() if text not in ("", NOT_THERE)}


class UpslogSource(LogSource):
    """A file of upslog."""

    kind = "upslog"
    title = "upslog file"
    looked_for = "an upslog file: lines of upslog's default format, or of --format"

    @classmethod
    def recognises(cls, path: Path, options: ImportOptions) -> bool:
        """True for a file whose first line is of the format."""
        form, timestamps = Format(options.format or DEFAULT), TimestampParser("UTC")
        with path.open(encoding="utf-8", errors="replace") as file:
            first = next((line for line in file if line.strip()), "")
        try:
            return form.parse(first.rstrip("\r\n"), timestamps) is not None
        except ValueError:
            return False

    def parser(self) -> Callable[[str], Item]:
        """Lines of the format as samples."""
        form, name = Format(self._options.format or DEFAULT), self._options.ups_for(NAME)
        timestamps = TimestampParser(self._options.timezone)

        def parse(line: str) -> Item:
            found = form.parse(line, timestamps)
            if found is None:
                return Skip("a line of another format")
            at, variables = found
            if not variables:
                return Skip("all NA: the server did not answer")
            return Sample(at, name, variables.get("ups.status", ""), variables)

        return parse
