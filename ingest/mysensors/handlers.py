"""What a message tells of its node beside a value: name, version, parent, battery ... Pure: message in, state changed."""

import re
from functools import partial

from ingest.mysensors.anomalies import battery_level_anomaly
from ingest.mysensors.protocol import (
    BYTES,
    GATEWAY_NODE,
    NODE_CHILD,
    Command,
    Internal,
    Presentation,
    SetReq,
    parse_number,
    type_name,
)

REVISION = re.compile(
    r"\$Rev(?:ision)?: *(\d{1,18}) *\$|(\d{1,18})", re.ASCII
)  # 19 digits overflow an INTEGER
ARC_REPORT = re.compile(r"\{.*\bS: *(\d+).*\}")
USUAL_WINDOW_MS = 500  # MY_SMART_SLEEP_WAIT_DURATION_MS of MyConfig.h
LONGEST_WINDOW_MS = 3_600_000
NO_SIGNAL = -256  # "not available", core/MyTransport.h
LEAST_SIGNAL, MOST_SIGNAL = -32768, 32767  # the report is a 16-bit number


def apply_node_presentation(node, payload, at):
    """Presentation of the node itself (child 255): payload is the version of its MySensors library."""
    node.protocol_version = payload
    node.presented_at = at
    node.smart_sleep_ms = None  # it has started anew, perhaps with a sketch that does not sleep
    if node.node_id != GATEWAY_NODE:
        node.role = "node"


def apply_repeater_presentation(node, payload, at):
    """The same from a node that passes on what others say; a gateway with a radio says so of itself."""
    apply_node_presentation(node, payload, at)
    if node.node_id != GATEWAY_NODE:
        node.role = "repeater"


def apply_sketch_name(node, payload, at):
    node.sketch_name = payload


def apply_sketch_version(node, payload, at):
    """The revision stands in a keyword of a version control system, `$Rev: 826 $`, or is the whole text."""
    node.sketch_version = payload
    revision = REVISION.fullmatch(payload.strip()) or re.search(
        r"\$Rev(?:ision)?: *(\d{1,18})(?!\d)()", payload
    )
    node.sketch_revision = int(next(filter(None, revision.groups()))) if revision else None


def apply_parent(node, payload, at):
    """I_CONFIG and I_DISCOVER_RESPONSE carry the id of the parent (`core/MyTransport.cpp`)."""
    parent = BYTES.get(payload)
    if parent is not None and parent != NODE_CHILD and node.node_id != GATEWAY_NODE:
        node.parent_node_id = parent


def apply_battery_level(node, payload, at):
    level = parse_number(payload)
    odd = battery_level_anomaly(payload, level)
    if odd is None:
        node.battery_level, node.battery_level_at = level, at
    return odd


def apply_sleep_notification(node, payload, at):
    """I_PRE_SLEEP_NOTIFICATION: the node listens for this long and sleeps then (library 2.2+)."""
    node.smart_sleep_ms = sleep_window_ms(payload)


def sleep_window_ms(payload):
    """The milliseconds that an I_PRE_SLEEP_NOTIFICATION promises; the usual 500 where it says nothing that can be."""
    window = parse_number(payload)
    return int(window) if window and 1 <= window < LONGEST_WINDOW_MS else USUAL_WINDOW_MS


def apply_signal_report(node, payload, at):
    signal = parse_number(payload)
    possible = signal is not None and LEAST_SIGNAL <= signal <= MOST_SIGNAL and signal != NO_SIGNAL
    node.signal = int(signal) if possible else None


def apply_gateway_version(node, payload, at):
    if node.node_id == GATEWAY_NODE:
        node.protocol_version = payload


def apply_child_presentation(type, sensor, payload, at):
    """Presentation of a child: its S_ type, and what the sketch calls it."""
    sensor.type, sensor.type_name = type, type_name(Command.presentation, type)
    sensor.description = payload


def apply_parent_text(node, payload, at):
    """`parent: 3` on child 98."""
    if payload.startswith("parent:"):
        apply_parent(node, payload.removeprefix("parent:").strip(), at)


def apply_arc_report(node, payload, at):
    """`{P:5460,R:3638,S:60}` on child 98: packets, retries and success rate (per cent) of the radio."""
    report = ARC_REPORT.fullmatch(payload.strip())
    if report and int(report[1]) <= 100:
        node.arc = int(report[1])


MESSAGE_HANDLERS = {
    (Command.presentation, Presentation.S_ARDUINO_NODE): apply_node_presentation,
    (Command.presentation, Presentation.S_ARDUINO_REPEATER_NODE): apply_repeater_presentation,
    (Command.internal, Internal.I_BATTERY_LEVEL): apply_battery_level,
    (Command.internal, Internal.I_VERSION): apply_gateway_version,
    (Command.internal, Internal.I_CONFIG): apply_parent,
    (Command.internal, Internal.I_DISCOVER_RESPONSE): apply_parent,
    (Command.internal, Internal.I_SKETCH_NAME): apply_sketch_name,
    (Command.internal, Internal.I_SKETCH_VERSION): apply_sketch_version,
    (Command.internal, Internal.I_PRE_SLEEP_NOTIFICATION): apply_sleep_notification,
    (Command.internal, Internal.I_SIGNAL_REPORT_RESPONSE): apply_signal_report,
}


# The tracker's convention: this child tells of the radio, not of the house.
REPORT_CHILD = 98
REPORTS = {SetReq.V_TEXT: apply_parent_text, SetReq.V_VAR5: apply_arc_report}


def message_handler(header):
    """The function that learns from messages with this header, or None; echoes tell nothing new.

    It takes the Sensor for the presentation of a child and the Node for everything else, the payload and the time (UTC
    text), and may return a reason that makes the message an oddity.
    """
    if header.echo:
        return None
    if header.command == Command.presentation and header.child != NODE_CHILD:
        return partial(apply_child_presentation, header.type)
    if header.command == Command.set and header.child == REPORT_CHILD:
        return REPORTS.get(header.type)
    return MESSAGE_HANDLERS.get((header.command, header.type))
