"""The log of the EP20 monitor (bagir/must-inverter, `/tmp/ups_web_daemon.log`), English or Russian.

    2024-01-15 14:30:25 - INFO - Telemetry: Vin=225.6V, Vout=224.7V, Batt=13.5V, Load=14%
    2024-01-15 14:30:25,123 - INFO - Телеметрия: Vin=225.6V, Vout=224.7V, Batt=13.5V, Load=14%

Times are local. That program writes 0 for a value that it did not find in the reply (it looked for voltages
of 220 to 230 V alone), so a 0 is no value here. The log holds no status; its other lines are not imported.

On battery it found the voltage of the output alone. A line with that and without one of the input is time on
battery, unless the input was at the edge of what it looked for: then it may just have left it.
"""

import re
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from ingest.transfer.importers.log_lines import LogSource
from ingest.transfer.records import ImportOptions, Item, Sample, Skip
from ingest.transfer.timestamps import TimestampParser
from ingest.ups.plausible import parse_value
from ingest.ups.records import Variables

LINE = re.compile(
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:,\d{3})?) - \w+ - (?:Telemetry|Телеметрия): "
    r"Vin=([\d.]+)V, Vout=([\d.]+)V, Batt=([\d.]+)V, Load=([\d.]+)%\s*"
)
OTHER = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:,\d{3})? - \w+ - ")
VARIABLES = ("input.voltage", "output.voltage", "battery.voltage", "ups.load")
FOUND_V = (220.0, 230.0)  # the voltages that it looked for
EDGE_V = 2.0
LONGEST = 1000  # characters that are read of a line
PEEK = 400  # lines in which telemetry has to be
NAME = "ep20"


class Ep20LogSource(LogSource):
    """A log of the EP20 monitor."""

    kind = "ep20-log"
    title = "log of an EP20 monitor"
    looked_for = "an EP20 monitor's log: lines with `Telemetry: Vin=...V, Vout=...V, Batt=...V, Load=...%`"

    @classmethod
    def recognises(cls, path: Path, options: ImportOptions) -> bool:
        """True for a file with a line of telemetry near its beginning."""
        with path.open(encoding="utf-8", errors="replace") as file:
            lines = islice(iter(lambda: file.readline(LONGEST), ""), PEEK)
            return any(LINE.fullmatch(line.rstrip("\r\n")) for line in lines)

    def parser(self) -> Callable[[str], Item]:
        """Lines of telemetry as samples; other lines of the log hold nothing."""
        timestamps, name = TimestampParser(self._options.timezone), self._options.ups_for(NAME)
        last_input: float | None = None  # V, the last one that it found

        def parse(line: str) -> Item:
            nonlocal last_input
            found = LINE.fullmatch(line)
            if found is None:
                return None if OTHER.match(line) else Skip("a line of unknown format")
            values = zip(VARIABLES, found.groups()[1:], strict=True)
            variables = {variable: text for variable, text in values if text.strip("0.")}
            if not variables:
                return Skip("nothing but zeros: the monitor found no values")
            shown = _shown_status(variables, last_input)
            if "input.voltage" in variables:
                last_input = parse_value(variables["input.voltage"])
            return Sample(timestamps.parse(found[1]), name, "", variables, shown)

        return parse


def _shown_status(variables: Variables, last_input: float | None) -> str:
    """What a line shows of the mains, '' where it shows nothing. `last_input`: V, before it."""
    if "input.voltage" in variables:
        return "OL"
    low, high = FOUND_V
    was_inside = last_input is not None and low + EDGE_V <= last_input <= high - EDGE_V
    return "OB" if "output.voltage" in variables and was_inside else ""
