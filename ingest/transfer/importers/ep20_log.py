"""The log of the EP20 monitor (bagir/must-inverter, `/tmp/ups_web_daemon.log`), in its English and its Russian form.

    2024-01-15 14:30:25 - INFO - Telemetry: Vin=225.6V, Vout=224.7V, Batt=13.5V, Load=14%
    2024-01-15 14:30:25,123 - INFO - Телеметрия: Vin=225.6V, Vout=224.7V, Batt=13.5V, Load=14%

Times are local. That program writes 0 for a value that it did not find in the reply (it looked for voltages of 220 to
230 V alone), so a 0 is no value here. The log tells no status; its other lines are not imported.
"""

import re
from pathlib import Path

from ingest.transfer.importers.log_lines import LogSource
from ingest.transfer.records import Sample, Skip
from ingest.transfer.timestamps import Stamps

LOOKED_FOR = "an EP20 monitor's log: lines with `Telemetry: Vin=...V, Vout=...V, Batt=...V, Load=...%`"
TITLE = "log of an EP20 monitor"
LINE = re.compile(
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:,\d{3})?) - \w+ - (?:Telemetry|Телеметрия): "
    r"Vin=([\d.]+)V, Vout=([\d.]+)V, Batt=([\d.]+)V, Load=([\d.]+)%\s*"
)
OTHER = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:,\d{3})? - \w+ - ")
VARIABLES = ("input.voltage", "output.voltage", "battery.voltage", "ups.load")
PEEK = 400  # lines in which telemetry has to be
NAME = "ep20"


def recognise(path, options):
    with Path(path).open(encoding="utf-8", errors="replace") as file:
        return any(LINE.fullmatch(line.rstrip("\r\n")) for _, line in zip(range(PEEK), file))


class Source(LogSource):
    kind = "ep20-log"

    def parser(self):
        stamps, name = Stamps(self._options.timezone), self._options.ups_for(NAME)

        def parse(line):
            found = LINE.fullmatch(line)
            if found is None:
                return None if OTHER.match(line) else Skip("a line of no form that is known")
            variables = {name: text for name, text in zip(VARIABLES, found.groups()[1:]) if text.strip("0.")}
            if not variables:
                return Skip("nothing but zeros: the monitor found no values")
            return Sample(stamps.seconds(found[1]), name, "", variables)

        return parse
