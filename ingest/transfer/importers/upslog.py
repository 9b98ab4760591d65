"""A file of NUT's upslog(8), by its default format or the one that `--format` gives, as upslog's `-f` took it.

Escapes: %% · %TIME strftime% with @ for % · %ETIME% unix seconds · %HOST% · %UPSHOST% · %PID% · %VAR name%. `NA` is what
upslog writes for a variable that the UPS does not have, and for all of them while the server does not answer.
"""

import re
from datetime import datetime
from pathlib import Path

from ingest.transfer.importers.log_lines import LogSource
from ingest.transfer.records import Sample, Skip, TransferError
from ingest.transfer.timestamps import Stamps

LOOKED_FOR = "an upslog file: lines of upslog's default format, or of --format"
TITLE = "upslog file"
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

    def __init__(self, text):
        self._names = []  # of the pattern's groups: "time", "etime", or a variable
        self._time = None
        pattern, end = "", 0
        for escape in ESCAPE.finditer(text):
            pattern += re.escape(text[end : escape.start()]) + self._group(escape)
            end = escape.end()
        self._pattern = re.compile(pattern + re.escape(text[end:]) + r"\s*")
        if "time" not in self._names and "etime" not in self._names:
            raise TransferError(f"--format {text!r} holds no time: %TIME ...% or %ETIME% is needed")

    def _group(self, escape):
        word, time, variable = escape.groups()
        if word == "%":
            return "%"
        if variable is not None:
            self._names.append(variable.strip())
            return "(.*?)"
        if time is not None:
            self._time = re.sub("%([FTRD])", lambda short: SHORT[short[1]], time.replace("@", "%"))
            self._names.append("time")
            parts = re.split(r"%(\w)", self._time)
            return (
                "("
                + "".join(
                    DIRECTIVES.get(p, r"\d{1,3}") if n % 2 else re.escape(p) for n, p in enumerate(parts)
                )
                + ")"
            )
        if word == "ETIME%":
            self._names.append("etime")
            return r"(\d+)"
        return r"\S*?"

    def parse(self, line, stamps):
        """(unix seconds, variables), or None for a line of another form. Raises ValueError for an impossible time."""
        found = self._pattern.fullmatch(line)
        if found is None:
            return None
        values = dict(zip(self._names, found.groups()))
        etime, time = values.pop("etime", None), values.pop("time", None)
        at = stamps.seconds(etime) if etime else stamps.of(datetime.strptime(time, self._time))
        return at, {name: text for name, text in values.items() if text not in ("", NOT_THERE)}


def recognise(path, options):
    form, stamps = Format(options.format or DEFAULT), Stamps("UTC")
    with Path(path).open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                if line.strip():
                    return form.parse(line.rstrip("\r\n"), stamps) is not None
            except ValueError:
                return False
    return False


class Source(LogSource):
    kind = "upslog"

    def parser(self):
        form, stamps, name = (
            Format(self._options.format or DEFAULT),
            Stamps(self._options.timezone),
            self._options.ups_for(NAME),
        )

        def parse(line):
            try:
                found = form.parse(line, stamps)
            except ValueError:
                return Skip("its time cannot be read")
            if found is None:
                return Skip("a line of another form")
            at, variables = found
            if not variables:
                return Skip("all NA: the server did not answer")
            return Sample(at, name, variables.get("ups.status", ""), variables)

        return parse
