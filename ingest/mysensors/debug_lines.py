"""Debug lines of the library (I_LOG_MESSAGE): who transmitted to whom, and what was not acknowledged. Pure.

The formats of `core/MyTransport.cpp` (libraries 2.0 to 2.4) and of `MySensor.cpp` (1.5); 2.2 and later put
the milliseconds since the start before them:

    read: 3-3-0 s=0,c=1,t=0                         1.5
    TSP:MSG:READ 3-3-0 s=0,c=1,t=0                  2.0
    TSF:MSG:READ,3-3-0,s=0,c=1,t=0                  2.1 and later: sender-last-destination
    send: 0-0-3-3 s=0,...,st=fail:                  1.5
    !TSP:MSG:SEND 0-0-3-3 s=0,...,st=fail:          2.0
    !TSF:MSG:SEND,0-0-3-3,s=0,...,st=NACK:          2.1 and later: sender-last-next-destination

Where no acknowledgement is asked for, a line begins with `?` (2.2 and later) or says `bc`.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from ingest.mysensors.protocol import BROADCAST, GATEWAY_NODE, Command, Internal

# All that stands before the payload: of one route these texts recur, so that each is read once.
STATEMENT = re.compile(
    r"(?:\d+ )?([!?]?(?:TSF:MSG:READ,|TSP:MSG:READ |read: |TSF:MSG:SEND,|TSP:MSG:SEND |send: )[^:]*)",
    re.ASCII,
)
_IDS = r"(\d{1,3})-(\d{1,3})-(\d{1,3})"
_FIELDS = r",? ?s=\d{1,3},c=(\d),t=(\d{1,3})"
READ = re.compile(rf"(?:TSF:MSG:READ,|TSP:MSG:READ |read: ){_IDS}{_FIELDS}", re.ASCII)
SEND = re.compile(
    rf"([!?]?)(?:TSF:MSG:SEND,|TSP:MSG:SEND |send: ){_IDS}-(\d{{1,3}}){_FIELDS}"
    r"[^:]*?,st=(OK|NACK|ok|fail|bc)",
    re.ASCII,
)
PARENT_SEARCH = (Internal.I_FIND_PARENT_REQUEST, Internal.I_FIND_PARENT_RESPONSE)


class DebugLine(NamedTuple):
    """What a debug line says. `parents`: node -> the node that it transmits to, on its way to the gateway.

    `link` is the node at the far end of the radio link, or the one that wrote the line where it transmitted
    to its parent; `acknowledged` whether the other side did. None: nothing was transmitted that is.
    """

    parents: Mapping[int, int]
    link: int | None = None
    acknowledged: bool = True


def parse_debug_line(writer: int, text: str) -> DebugLine | None:
    """What a debug line of the node `writer` says; None for the many that say nothing of radio links."""
    statement = STATEMENT.match(text)
    return None if statement is None else _parse_statement(writer, statement[1])


@lru_cache(maxsize=4096)
def _parse_statement(writer: int, text: str) -> DebugLine | None:
    found = READ.match(text)
    if found is not None:
        return _read(writer, [int(number) for number in found.groups()])
    found = SEND.match(text)
    if found is None:
        return None
    mark, *numbers, state = found.groups()
    return _sent(writer, [int(number) for number in numbers], mark, state)


def _read(writer: int, numbers: list[int]) -> DebugLine | None:
    sender, last, destination, command, type = numbers
    is_search = command == Command.internal and type in PARENT_SEARCH
    if destination != GATEWAY_NODE or BROADCAST in (sender, last) or is_search or writer in (sender, last):
        return None
    parents = {last: writer}
    if sender != last:  # through a repeater: the nearest to the gateway, perhaps not the only one
        parents[sender] = last
    return DebugLine(parents)


def _sent(writer: int, numbers: list[int], mark: str, state: str) -> DebugLine | None:
    sender, last, following, destination, command, type = numbers
    if mark == "?" or state == "bc" or BROADCAST in (following, destination) or last != writer:
        return None
    is_search = command == Command.internal and type in PARENT_SEARCH
    is_up = writer != GATEWAY_NODE and destination == GATEWAY_NODE
    acknowledged = state in ("OK", "ok")
    is_way = is_up and acknowledged and sender == writer and not is_search
    return DebugLine({writer: following} if is_way else {}, writer if is_up else following, acknowledged)
