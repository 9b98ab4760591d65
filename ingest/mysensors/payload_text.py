"""Bytes of a payload to text: UTF-8, else Latin-1, with the bytes kept where they are no UTF-8. Pure.

The library neither knows nor checks an encoding. It cuts a text at MAX_PAYLOAD bytes (`MyMessage::set`), be
that inside a character; a signed one at two bytes less (`core/MySigningAtsha204Soft.cpp`). Sketches that are
written in an editor set to Latin-1 send `°C` and `µg/m³` as single bytes.
"""

import re

from ingest.mysensors.protocol import MAX_PAYLOAD

CUT_AT = (MAX_PAYLOAD, MAX_PAYLOAD - 2)
CUT = "the last character of the payload is cut off: a radio message carries 25 bytes, signed 23"
LATIN_1 = "the payload is no UTF-8: read as Latin-1"
OTHER_SURROGATE = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # no byte that `surrogateescape` has kept


class RawText(str):
    """A text whose bytes are no UTF-8: `raw` are these bytes, `reason` says how they were read."""

    __slots__ = ("raw", "reason")
    raw: bytes
    reason: str


def decode_payload(raw: bytes) -> str:
    """The text of a payload; a RawText where the bytes are no UTF-8.

    An unfinished last character is dropped where the library may have cut it, or where the text before it
    shows that it is UTF-8. A single byte such as é of Latin-1 looks the same at the end of a shorter text.
    """
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        before, is_unfinished = raw[: error.start], error.reason == "unexpected end of data"
    is_cut = is_unfinished and (len(raw) in CUT_AT or not before.isascii())
    text = RawText(before.decode() if is_cut else raw.decode("latin-1"))
    text.raw, text.reason = raw, CUT if is_cut else LATIN_1
    return text


def clean_text(text: str) -> str:
    """The same for a text of a file that was read with `surrogateescape`, or holds such surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return decode_payload(OTHER_SURROGATE.sub("\ufffd", text).encode(errors="surrogateescape"))
    return text
