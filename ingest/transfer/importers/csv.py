"""CSV whose header names our columns: messages, values, or samples of UPSes. Other columns are ignored.

    received_at, node_id, child_id, command, type, payload      messages; echo if there is one
    received_at, node_id, child_id, type, text (or value)       values: stored as the set messages that they were
    sampled_at, and figures such as input_voltage               samples; ups and ups_status if there are such columns

Commands and types are numbers or names (`set`, `V_TEMP`). Times are ISO 8601, with an offset or local, or unix seconds.
"""

import csv
from itertools import islice, pairwise
from pathlib import Path

from ingest.mysensors.protocol import TYPES, Command
from ingest.transfer.importers.log_lines import LogSource
from ingest.transfer.messages import Messages
from ingest.transfer.records import Message, Sample, Skip, TransferError, make_message
from ingest.transfer.samples import LOOK, Samples, find_intervals
from ingest.transfer.streams import TextStream
from ingest.transfer.timestamps import Stamps
from ingest.ups.figures import FIGURES, RATINGS, column

LOOKED_FOR = (
    "CSV whose header names our columns: received_at, node_id, child_id, type and payload, text or value; or sampled_at "
    "with input_voltage, battery_charge ..."
)
TITLE = "CSV file"
MESSAGE = {"received_at", "node_id", "child_id", "command", "type", "payload"}
VALUE = {"received_at", "node_id", "child_id", "type"}
IDENTITY = ("device.mfr", "device.model", "device.serial", "ups.firmware")
VARIABLES = {column(name): name for name in (*FIGURES, *RATINGS, *IDENTITY)}
NAME = "ups"


def read_header(path):
    """The names of the columns, or nothing."""
    with Path(path).open(encoding="utf-8-sig", errors="replace", newline="") as file:
        line = file.readline(10_000)
    return next(csv.reader([line]), []) if "," in line else []


def kind_of(names):
    """`message`, `value`, `sample`, or None."""
    names = set(names)
    if MESSAGE <= names:
        return "message"
    if VALUE <= names and names & {"text", "value"}:
        return "value"
    return "sample" if "sampled_at" in names and names & VARIABLES.keys() else None


def recognise(path, options):
    return kind_of(read_header(path)) is not None


class Source(LogSource):
    kind = "csv"
    head = 1

    def __init__(self, path, options):
        super().__init__(path, options)
        self._names = read_header(path)
        self._holds = kind_of(self._names)
        self.target = (options.ups or "") if self._holds == "sample" else options.gateway_words

    def streams(self):
        self._refuse_backwards()
        if self._holds == "sample":
            intervals = find_intervals(self._stream().items())
            sink = Samples(self._options, intervals)
        else:
            sink = Messages(self._options)
        yield self._stream(), sink

    def _stream(self):
        return TextStream(self._path, self._holds, self.parser, self.head)

    def _refuse_backwards(self):
        """Of rows that are listed with the newest first, the oldest would become what is known now."""
        times = [
            item.at for _, item in islice(self._stream().items(), LOOK) if isinstance(item, Message | Sample)
        ]
        steps = [after - before for before, after in pairwise(times) if after != before]
        if sum(step < 0 for step in steps) > len(steps) / 2:
            raise TransferError(
                f"{self._path} begins with its newest rows: sort it by time, the oldest first"
            )

    def parser(self):
        stamps = Stamps(self._options.timezone)
        read = self._sample if self._holds == "sample" else self._message

        def parse(line):
            try:
                values = next(csv.reader([line]), [])
            except csv.Error:
                return Skip("a line that is no CSV")
            if len(values) != len(self._names):
                return Skip(f"another number of columns than the header's {len(self._names)}")
            try:
                return read(dict(zip(self._names, values)), stamps)
            except ValueError:
                return Skip("its time cannot be read")

        return parse

    def _sample(self, row, stamps):
        variables = {VARIABLES[name]: text for name, text in row.items() if name in VARIABLES and text != ""}
        if not variables:
            return Skip("no figures")
        return Sample(
            stamps.seconds(row["sampled_at"]),
            self._options.ups_for(row.get("ups") or NAME),
            row.get("ups_status", ""),
            variables,
        )

    def _message(self, row, stamps):
        commands = {command.name: command.value for command in Command}
        command = _number(row.get("command", "set"), commands)
        names = TYPES[Command(command)][1].__members__ if command in list(Command) else {}
        text = row.get("payload") or row.get("text") or row.get("value") or ""
        node, child, echo = map(_number, (row["node_id"], row["child_id"], row.get("echo") or "0"))
        return make_message(
            stamps.seconds(row["received_at"]), node, child, command, echo, _number(row["type"], names), text
        )


def _number(text, names=()):
    text = text.strip()
    if text in names:
        return int(names[text])
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None
