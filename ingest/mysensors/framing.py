"""Bytes of one connection to messages: framing, decoding and the quick way from a line to its Header.

One `LineDecoder` lives as long as one connection, so that a line cut in half is never joined to the next one.
"""

from dataclasses import dataclass, field

from ingest.mysensors.payload_text import decode_payload
from ingest.mysensors.protocol import MAX_LINE, Header, LineError, Message, Reject, parse_header, parse_line

KEEP_RAW = 1024  # bytes kept of a line that is too long
KNOWN_HEADS = 100_000  # headers remembered before the memory is wiped: garble must not fill it

# Rejects that every opening of a port and every loss of a connection may bring: nothing is wrong with them.
CUT_OFF = "cut off: the connection was lost in the middle of the line"
FIRST_LINE = "the first line after the port was opened: its beginning may be missing"

_heads: dict[str, Header] = {}  # "12;6;1;0;0" -> Header: the same few come again and again


@dataclass(eq=False)
class LineDecoder:
    """Splits what a gateway sends into messages and rejects.

    `starts_mid_line`: the first line may lack its beginning, because a serial port was opened in the
    middle of it. What is left of `112;...` can look like `12;...`, so that line is rejected whatever
    it looks like.
    """

    starts_mid_line: bool = False
    _rest: bytes = field(default=b"", init=False)
    _dropped: int = field(default=0, init=False)  # bytes beyond KEEP_RAW of the line that is still coming in

    def decode_block(self, data: bytes) -> tuple[list[Message], list[Reject]]:
        """Take bytes, return what the lines that they complete hold, each in order of arrival."""
        block, newline, rest = (self._rest + data).rpartition(b"\n")
        rejects: list[Reject] = []
        if not newline:
            self._hold(rest)
            return [], rejects
        if self._dropped or self.starts_mid_line:
            first, newline, block = block.partition(b"\n")
            rejects += self._reject_first(first)
        self._hold(rest)
        if not newline:
            return [], rejects
        try:
            messages = _parse(block.decode(), rejects)
        except UnicodeDecodeError:
            messages = _parse_each(block, rejects)
        return messages, rejects

    @property
    def is_at_line_start(self) -> bool:
        """Whether the next byte is the first one of a line."""
        return not (self._rest or self._dropped or self.starts_mid_line)

    @property
    def is_within_line(self) -> bool:
        """Whether a line has begun that has not ended."""
        return bool(self._rest.strip())

    @property
    def is_endless(self) -> bool:
        """Whether the line that is still coming in is longer than any that a gateway sends."""
        return len(self._rest) + self._dropped > MAX_LINE

    def finish(self) -> list[Reject]:
        """The reject of a line that the end of the connection cut in half, if there is one."""
        rest, self._rest, self._dropped = self._rest, b"", 0
        return [Reject(_text(rest), CUT_OFF)] if rest.strip() else []

    def _hold(self, rest: bytes) -> None:
        self._dropped += max(0, len(rest) - KEEP_RAW)
        self._rest = rest[:KEEP_RAW]

    def _reject_first(self, first: bytes) -> list[Reject]:
        length, self._dropped, self.starts_mid_line = len(first) + self._dropped, 0, False
        if length > MAX_LINE:
            return [_too_long(_text(first), length)]
        return [Reject(_text(first), FIRST_LINE)] if first.strip() else []


def _parse(text: str, rejects: list[Reject]) -> list[Message]:
    lines = text.split("\n")
    messages: list[Message] = []
    add, known = messages.append, _heads.get
    odd = "\r" in text or (len(text) > MAX_LINE and max(map(len, lines)) > MAX_LINE)
    for line in lines:
        if odd:
            line = line.removesuffix("\r")
            if len(line) > MAX_LINE:
                rejects.append(_too_long(line, len(line)))
                continue
        head, _, payload = line.rpartition(";")
        header = known(head)
        if header is None:
            try:
                header, payload = parse_line(line)
            except LineError as error:
                if line.strip():  # empty lines are what a bridge makes of CRLF: they hold nothing
                    rejects.append(Reject(line, str(error)))
                continue
            if len(_heads) >= KNOWN_HEADS:
                _heads.clear()
            _heads[line[: len(line) - len(payload) - 1]] = header
        add((header, payload))
    return messages


def _parse_each(block: bytes, rejects: list[Reject]) -> list[Message]:
    messages: list[Message] = []
    for raw in block.split(b"\n"):
        try:
            line = raw.decode()
        except UnicodeDecodeError:
            messages += _parse_bytes(raw.removesuffix(b"\r"), rejects)
        else:
            messages += _parse(line, rejects)
    return messages


def _parse_bytes(raw: bytes, rejects: list[Reject]) -> list[Message]:
    """A line that is no UTF-8: the header is whole where it is ASCII, whatever the payload is."""
    *fields, payload = raw.split(b";", 5)
    head = b";".join(fields)
    if len(raw) > MAX_LINE:
        rejects.append(_too_long(_text(raw), len(raw)))
    elif len(fields) < 5 or not head.isascii():
        rejects.append(Reject(_text(raw), "bytes that are no UTF-8 where the five numbers should stand"))
    else:
        try:
            return [(parse_header(head.decode().split(";")), decode_payload(payload))]
        except LineError as error:
            rejects.append(Reject(_text(raw), str(error)))
    return []


def _text(raw: bytes) -> str:
    return raw[:KEEP_RAW].decode(errors="backslashreplace")


def _too_long(text: str, length: int) -> Reject:
    return Reject(text[:KEEP_RAW], f"{length} bytes long, a gateway's line has {MAX_LINE} at most")
