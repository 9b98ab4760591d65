"""What a message says of its node besides a value: name, version, parent, battery level ...

`message_handler` finds the function for a message; each `apply_*` function changes a NodeState or
SensorState, which the Store writes to `nodes` and `sensors` with the next commit. Pure: no I/O, no clock.
"""

import re
from collections.abc import Callable
from functools import partial

from ingest.mysensors.battery_reports import read_battery_level
from ingest.mysensors.protocol import (
    BYTES,
    GATEWAY_NODE,
    NODE_CHILD,
    Command,
    Header,
    Internal,
    Presentation,
    SetReq,
    parse_number,
    type_name,
)
from ingest.mysensors.sleep import SLEEPER_WINDOWS, USUAL_WINDOW_MS, count_presentation, count_window
from ingest.mysensors.state import NodeState, SensorState

# Takes the node, the payload and the time (UTC text); returns a reason that makes the message an oddity.
NodeHandler = Callable[[NodeState, str, str], str | None]
# A handler of one node or sensor: takes payload and time.
MessageHandler = Callable[[str, str], str | None]

REVISION = re.compile(  # 19 digits overflow an INTEGER
    r"\$Rev(?:ision)?: *(\d{1,18}) *\$|(\d{1,18})", re.ASCII
)
REVISION_KEYWORD = re.compile(r"\$Rev(?:ision)?: *(\d{1,18})(?!\d)()")
ARC_REPORT = re.compile(r"\{.*\bS: *(\d+).*\}")
LONGEST_WINDOW_MS = 3_600_000
NO_SIGNAL = -256  # "not available", core/MyTransport.h
MIN_SIGNAL, MAX_SIGNAL = -32768, 32767  # the report is a 16-bit number


def apply_node_presentation(node: NodeState, payload: str, at: str, role: str = "node") -> None:
    """Presentation of the node itself (child 255): the payload is the version of its MySensors library.

    A node that repeats for others presents itself as a repeater, and so does a gateway with a radio.
    """
    node.protocol_version = payload
    node.presented_at = at
    node.windows = count_presentation(node.windows)
    node.smart_sleep_ms = None  # it has restarted, perhaps with a sketch that does not sleep
    if node.node_id != GATEWAY_NODE:
        node.role = role


def apply_sketch_name(node: NodeState, payload: str, at: str) -> None:
    """I_SKETCH_NAME."""
    node.sketch_name = payload


def apply_sketch_version(node: NodeState, payload: str, at: str | None) -> None:
    """I_SKETCH_VERSION; a revision is a version control keyword, `$Rev: 826 $`, or the whole text."""
    node.sketch_version = payload
    revision = REVISION.fullmatch(payload.strip()) or REVISION_KEYWORD.search(payload)
    node.sketch_revision = int(next(filter(None, revision.groups()))) if revision else None


def apply_parent(node: NodeState, payload: str, at: str) -> None:
    """I_CONFIG and I_DISCOVER_RESPONSE carry the id of the parent (`core/MyTransport.cpp`)."""
    parent = BYTES.get(payload)
    if parent is not None and parent != NODE_CHILD and node.node_id != GATEWAY_NODE:
        node.parent_node_id = parent


def apply_battery_level(node: NodeState, payload: str, at: str) -> str | None:
    """I_BATTERY_LEVEL: a possible level is the present one; else the last one is from before the refusal."""
    level, refused = read_battery_level(payload)
    if level is None:
        node.battery_refused, node.battery_refused_at = refused, at
    else:
        node.battery_level, node.battery_level_at = level, at
        node.battery_refused = node.battery_refused_at = None
    return refused


def apply_sleep_notification(node: NodeState, payload: str, at: str) -> None:
    """I_PRE_SLEEP_NOTIFICATION: the node listens for this long and sleeps then (library 2.2+)."""
    node.windows = count_window(node.windows)
    node.smart_sleep_ms = sleep_window_ms(payload) if node.windows == SLEEPER_WINDOWS else None


def sleep_window_ms(payload: str) -> int:
    """The milliseconds of an I_PRE_SLEEP_NOTIFICATION; the usual 500 where the payload is not possible."""
    window = parse_number(payload)
    return int(window) if window and 1 <= window < LONGEST_WINDOW_MS else USUAL_WINDOW_MS


def apply_heartbeat(node: NodeState, payload: str, at: str) -> None:
    """I_HEARTBEAT_RESPONSE changes nothing of the node; `NodeStarts` looks at what it counts from."""


def apply_signal_report(node: NodeState, payload: str, at: str) -> None:
    """I_SIGNAL_REPORT_RESPONSE: RSSI in dBm."""
    signal = parse_number(payload)
    if signal is None or not MIN_SIGNAL <= signal <= MAX_SIGNAL:
        signal = NO_SIGNAL
    node.signal = int(signal) if signal != NO_SIGNAL else None


def apply_gateway_version(node: NodeState, payload: str, at: str) -> None:
    """I_VERSION of the gateway."""
    if node.node_id == GATEWAY_NODE:
        node.protocol_version = payload


def apply_child_presentation(sensor: SensorState, type: int, payload: str, at: str) -> None:
    """Presentation of a child: its S_ type, and the sketch's description of it."""
    sensor.type, sensor.type_name = type, type_name(Command.presentation, type)
    sensor.description = payload


def apply_parent_text(node: NodeState, payload: str, at: str) -> None:
    """`parent: 3` on child 98."""
    if payload.startswith("parent:"):
        apply_parent(node, payload.removeprefix("parent:").strip(), at)


def apply_arc_report(node: NodeState, payload: str, at: str) -> None:
    """`{P:5460,R:3638,S:60}` on child 98: packets, retries and success rate (per cent) of the radio."""
    report = ARC_REPORT.fullmatch(payload.strip())
    if report:
        node.arc = int(report[1]) if int(report[1]) <= 100 else None


NODE_HANDLERS: dict[tuple[int, int], NodeHandler] = {
    (Command.presentation, Presentation.S_ARDUINO_NODE): apply_node_presentation,
    (Command.presentation, Presentation.S_ARDUINO_REPEATER_NODE): partial(
        apply_node_presentation, role="repeater"
    ),
    (Command.internal, Internal.I_BATTERY_LEVEL): apply_battery_level,
    (Command.internal, Internal.I_VERSION): apply_gateway_version,
    (Command.internal, Internal.I_CONFIG): apply_parent,
    (Command.internal, Internal.I_DISCOVER_RESPONSE): apply_parent,
    (Command.internal, Internal.I_SKETCH_NAME): apply_sketch_name,
    (Command.internal, Internal.I_SKETCH_VERSION): apply_sketch_version,
    (Command.internal, Internal.I_PRE_SLEEP_NOTIFICATION): apply_sleep_notification,
    (Command.internal, Internal.I_SIGNAL_REPORT_RESPONSE): apply_signal_report,
    (Command.internal, Internal.I_HEARTBEAT_RESPONSE): apply_heartbeat,
}

# The convention of MySensorsTracker: values of this child are about the radio.
RADIO_REPORT_CHILD = 98
RADIO_REPORT_HANDLERS: dict[tuple[int, int], NodeHandler] = {
    (Command.set, SetReq.V_TEXT): apply_parent_text,
    (Command.set, SetReq.V_VAR5): apply_arc_report,
}


def message_handler(header: Header, node: NodeState, sensor: SensorState | None) -> MessageHandler | None:
    """The function that applies messages with this header to their node or sensor.

    None where there is nothing to apply, as in echoes.
    """
    if header.echo:
        return None
    if header.command == Command.presentation and sensor is not None:
        return partial(apply_child_presentation, sensor, header.type)
    is_radio_report = header.command == Command.set and header.child == RADIO_REPORT_CHILD
    handler = (RADIO_REPORT_HANDLERS if is_radio_report else NODE_HANDLERS).get((header.command, header.type))
    return partial(handler, node) if handler is not None else None
