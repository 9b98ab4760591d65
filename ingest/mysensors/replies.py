"""What a controller answers. Pure: a request and what is known in, the line to send out, or None.

What happens to a node without these answers is in the library: `core/MyTransport.cpp` (ids: a node starts
only with one) and `core/MySensorsCore.cpp` (configuration: it waits 2 s at each presentation).
"""

from collections.abc import Mapping

from ingest.mysensors.protocol import (
    BROADCAST,
    MAX_PAYLOAD,
    NODE_CHILD,
    Command,
    Header,
    Internal,
    format_line,
)

TOKEN_PAYLOADS = ("", "0")  # the library sends nothing, MYSBootloader a byte of length 0 that reads "0"


def is_id_request(header: Header) -> bool:
    """True for I_ID_REQUEST of a node that has no id yet."""
    return (header.node, header.command, header.type) == (BROADCAST, Command.internal, Internal.I_ID_REQUEST)


def answer_id(header: Header, node_id: int) -> str:
    """I_ID_RESPONSE: the child is the token of the request, which a node of 2.2 and later insists on."""
    return format_line(BROADCAST, header.child, Command.internal, 0, Internal.I_ID_RESPONSE, node_id)


def answer_config(header: Header, metric: bool) -> str:
    """I_CONFIG: `M` for metric units, `I` for imperial ones."""
    return format_line(
        header.node, NODE_CHILD, Command.internal, 0, Internal.I_CONFIG, "M" if metric else "I"
    )


def answer_time(header: Header, wall_seconds: int) -> str:
    """I_TIME: local time in seconds, counted as if it were UTC, as sketches expect."""
    return format_line(header.node, header.child, Command.internal, 0, Internal.I_TIME, wall_seconds)


def answer_request(header: Header, values: Mapping[Header, str]) -> str | None:
    """C_REQ: the last value of the channel (`values`, by Header of its C_SET), as C_SET; None if unknown.

    A value that the gateway would cut silently, or read as two lines, is not sent at all.
    """
    value = values.get(Header(header.node, header.child, Command.set, 0, header.type))
    if not value or ";" in value or not value.isprintable() or len(value.encode()) > MAX_PAYLOAD:
        return None
    return format_line(header.node, header.child, Command.set, 0, header.type, value)
