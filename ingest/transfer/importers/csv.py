"""CSV whose header names our columns: messages, values, or samples of UPSes. Other columns are ignored.

    received_at, node_id, child_id, command, type, payload      messages; echo if there is one
    received_at, node_id, child_id, type, text                  values (text, value or payload): stored as the
                                                                set messages that they were
    sampled_at, and figures such as input_voltage               samples; ups and ups_status if there are
                                                                such columns

Commands and types are numbers or names (`set`, `V_TEMP`). Times are ISO 8601, with an offset or local, or
unix seconds.
"""

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

from ingest.mysensors.payload_text import clean_text
from ingest.mysensors.protocol import TYPES, Command
from ingest.transfer.importers.log_lines import LogSource
from ingest.transfer.messages import Messages
from ingest.transfer.records import (
    ImportOptions,
    Item,
    Message,
    Sample,
    Skip,
    TransferError,
    make_message,
)
from ingest.transfer.samples import INTERVAL_ROWS
from ingest.transfer.sink import ImportSink
from ingest.transfer.streams import ImportStream, TextStream
from ingest.transfer.timestamps import TimestampParser
from ingest.ups.figures import FIGURES, RATINGS, column

MESSAGE = {"received_at", "node_id", "child_id", "command", "type", "payload"}
VALUE = {"received_at", "node_id", "child_id", "type"}
IDENTITY = ("device.mfr", "device.model", "device.serial", "ups.firmware")
VARIABLES = {column(name): name for name in (*FIGURES, *RATINGS, *IDENTITY)}
NAME = "ups"


def read_header(path: Path) -> list[str]:
    """The names of the columns, or nothing."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        line = file.readline(10_000)
    try:
        return next(csv.reader([line]), []) if "," in line else []
    except csv.Error:  # a line end inside the first line
        return []


def records_of(columns: Iterable[str]) -> str | None:
    """What rows with these columns are: `message`, `value`, `sample`, or None."""
    names = set(columns)
    if MESSAGE <= names:
        return "message"
    if VALUE <= names and names & {"text", "value", "payload"}:
        return "value"
    return "sample" if "sampled_at" in names and names & VARIABLES.keys() else None


class CsvSource(LogSource):
    """A CSV file with a header. Rows that are listed with the newest first are refused."""

    kind = "csv"
    title = "CSV file"
    looked_for = (
        "CSV whose header names columns of Voltkeeper: received_at, node_id, child_id, type and payload, "
        "text or value; or sampled_at with input_voltage, battery_charge ..."
    )
    head = 1

    def __init__(self, path: Path, options: ImportOptions) -> None:
        super().__init__(path, options)
        self._names = read_header(path)
        self.stream_name = records_of(self._names) or ""
        if self.stream_name != "sample":
            self.target = options.gateway_target

    def stream(self) -> TextStream:
        """The rows, with the bytes that are no UTF-8."""
        return replace(super().stream(), errors="surrogateescape")

    @classmethod
    def recognises(cls, path: Path, options: ImportOptions) -> bool:
        """True where the header names our columns."""
        return records_of(read_header(path)) is not None

    def streams(self) -> Iterable[tuple[ImportStream, ImportSink]]:
        """The rows as samples or as messages."""
        self._refuse_backwards()
        if self.stream_name == "sample":
            return super().streams()
        return [(self.stream(), Messages(self._options))]

    def _refuse_backwards(self) -> None:
        """Of rows that are listed with the newest first, the oldest would become what is known now."""
        items = (item for _, item in islice(self.stream().items(), INTERVAL_ROWS))
        times = [item.at for item in items if isinstance(item, Message | Sample)]
        steps = [after - before for before, after in pairwise(times) if after != before]
        if sum(step < 0 for step in steps) > len(steps) / 2:
            raise TransferError(
                f"{self._path} begins with its newest rows: sort it by time, the oldest first"
            )

    def parser(self) -> Callable[[str], Item]:
        """Rows as records."""
        timestamps = TimestampParser(self._options.timezone)
        read = self._sample if self.stream_name == "sample" else self._message

        def parse(line: str) -> Item:
            try:
                values = next(csv.reader([line]), [])
            except csv.Error:
                return Skip("not a CSV line")
            if len(values) != len(self._names):
                return Skip(f"another number of columns than the header's {len(self._names)}")
            return read(dict(zip(self._names, map(clean_text, values), strict=True)), timestamps)

        return parse

    def _sample(self, row: Mapping[str, str], timestamps: TimestampParser) -> Item:
        variables = {VARIABLES[name]: text for name, text in row.items() if name in VARIABLES and text != ""}
        if not variables:
            return Skip("no figures")
        name = self._options.ups_for(row.get("ups") or NAME)
        return Sample(timestamps.parse(row["sampled_at"]), name, row.get("ups_status", ""), variables)

    def _message(self, row: Mapping[str, str], timestamps: TimestampParser) -> Item:
        commands = {command.name: command.value for command in Command}
        command = _number(row.get("command", "set"), commands)
        types = TYPES[Command(command)][1].__members__ if command in list(Command) else {}
        text = row.get("payload") or row.get("text") or row.get("value") or ""
        node, child, echo = map(_number, (row["node_id"], row["child_id"], row.get("echo") or "0"))
        at = timestamps.parse(row["received_at"])
        return make_message(at, node, child, command, echo, _number(row["type"], types), text)


def _number(text: str, names: Mapping[str, int] | None = None) -> int | None:
    text = text.strip()
    if names and text in names:
        return int(names[text])
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None
