"""Bytes of one connection to lines: framing, decoding and the quick way from a line to its Header.

One `LineDecoder` lives as long as one connection, so that a line cut in half is never glued to the next one.
"""

from ingest.mysensors.protocol import MAX_LINE, LineError, parse_line

KEEP_RAW = 1024  # bytes kept of a line that is too long
KNOWN_HEADS = 100_000  # headers remembered before the memory is wiped: garble must not fill it

_heads = {}  # "12;6;1;0;0" -> Header: the same few come again and again


class LineDecoder:
    """Splits what a gateway sends into items `(Header, payload)` and rejects `(raw, reason)`.

    `suspect`: the first line may lack its beginning, because a serial port was opened in the middle of it. What is
    left of `112;...` can look like `12;...`, so that line is refused whatever it looks like.
    """

    def __init__(self, suspect=False):
        self._rest = b""
        self._dropped = 0  # bytes beyond KEEP_RAW of the line that is still coming in
        self._suspect = suspect

    def decode_block(self, data):
        """Take bytes, return (items, rejects) of the lines that they complete, each in order of arrival."""
        block, newline, rest = (self._rest + data).rpartition(b"\n")
        rejects = []
        if not newline:
            self._hold(rest)
            return [], rejects
        if self._dropped or self._suspect:
            first, newline, block = block.partition(b"\n")
            rejects.append(self._reject_first(first))
        self._hold(rest)
        if not newline:
            return [], rejects
        try:
            items = _parse(block.decode(), rejects)
        except UnicodeDecodeError:
            items = _parse_each(block, rejects)
        return items, rejects

    def finish(self):
        """The connection is gone: the rejects of a line that was cut in half."""
        if not self._rest:
            return []
        rest, self._rest, self._dropped = self._rest, b"", 0
        return [(_text(rest), "cut off: the connection was lost in the middle of the line")]

    def _hold(self, rest):
        self._dropped += max(0, len(rest) - KEEP_RAW)
        self._rest = rest[:KEEP_RAW]

    def _reject_first(self, first):
        length, self._dropped, self._suspect = len(first) + self._dropped, 0, False
        if length > MAX_LINE:
            return _too_long(_text(first), length)
        return _text(first), "the first line after the port was opened: its beginning may be missing"


def _parse(text, rejects):
    lines, items = text.split("\n"), []
    add, known = items.append, _heads.get
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
                rejects.append((line, str(error) if line else "an empty line"))
                continue
            if len(_heads) >= KNOWN_HEADS:
                _heads.clear()
            _heads[line[: len(line) - len(payload) - 1]] = header
        add((header, payload))
    return items


def _parse_each(block, rejects):
    items = []
    for raw in block.split(b"\n"):
        try:
            line = raw.decode()
        except UnicodeDecodeError as error:
            rejects.append((_text(raw), f"byte {error.start + 1} is no UTF-8: {error.reason}"))
        else:
            items += _parse(line, rejects)
    return items


def _text(raw):
    return raw[:KEEP_RAW].decode(errors="backslashreplace")


def _too_long(text, length):
    return text[:KEEP_RAW], f"{length} bytes long, a gateway's line has {MAX_LINE} at most"
