"""What a message tells of its node beside a value: name, version, parent, battery ... Pure: message in, state changed."""

import re
from functools import partial

from ingest.mysensors.anomalies import odd_battery
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


def tell_version(node, payload, at):
    """Presentation of the node itself (child 255): payload is the version of its MySensors library."""
    node.protocol_version = payload
    node.presented_at = at
    node.smart_sleep_ms = None  # it has started anew, perhaps with a sketch that does not sleep
    if node.node_id != GATEWAY_NODE:
        node.role = "node"


def tell_repeater(node, payload, at):
    """The same from a node that passes on what others say; a gateway with a radio says so of itself."""
    tell_version(node, payload, at)
    if node.node_id != GATEWAY_NODE:
        node.role = "repeater"


def tell_sketch_name(node, payload, at):
    node.sketch_name = payload


def tell_sketch_version(node, payload, at):
    """The revision stands in a keyword of a version control system, `$Rev: 826 $`, or is the whole text."""
    node.sketch_version = payload
    revision = REVISION.fullmatch(payload.strip()) or re.search(
        r"\$Rev(?:ision)?: *(\d{1,18})(?!\d)()", payload
    )
    node.sketch_revision = int(next(filter(None, revision.groups()))) if revision else None


def tell_parent(node, payload, at):
    """I_CONFIG and I_DISCOVER_RESPONSE carry the id of the parent (`core/MyTransport.cpp`)."""
    parent = BYTES.get(payload)
    if parent is not None and parent != NODE_CHILD and node.node_id != GATEWAY_NODE:
        node.parent_node_id = parent


def tell_battery(node, payload, at):
    level = parse_number(payload)
    odd = odd_battery(payload, level)
    if odd is None:
        node.battery_level, node.battery_level_at = level, at
    return odd


def tell_sleep(node, payload, at):
    """I_PRE_SLEEP_NOTIFICATION: the node listens for this long and sleeps then (library 2.2+)."""
    node.smart_sleep_ms = sleep_window_ms(payload)


def sleep_window_ms(payload):
    """The milliseconds that an I_PRE_SLEEP_NOTIFICATION promises; the usual 500 where it says nothing that can be."""
    window = parse_number(payload)
    return int(window) if window and 1 <= window < LONGEST_WINDOW_MS else USUAL_WINDOW_MS


def tell_signal(node, payload, at):
    signal = parse_number(payload)
    possible = signal is not None and LEAST_SIGNAL <= signal <= MOST_SIGNAL and signal != NO_SIGNAL
    node.signal = int(signal) if possible else None


def tell_gateway_version(node, payload, at):
    if node.node_id == GATEWAY_NODE:
        node.protocol_version = payload


def tell_child(type, sensor, payload, at):
    """Presentation of a child: its S_ type, and what the sketch calls it."""
    sensor.type, sensor.type_name = type, type_name(Command.presentation, type)
    sensor.description = payload


def tell_parent_text(node, payload, at):
    """`parent: 3` on child 98."""
    if payload.startswith("parent:"):
        tell_parent(node, payload.removeprefix("parent:").strip(), at)


def tell_arc(node, payload, at):
    """`{P:5460,R:3638,S:60}` on child 98: packets, retries and success rate (per cent) of the radio."""
    report = ARC_REPORT.fullmatch(payload.strip())
    if report and int(report[1]) <= 100:
        node.arc = int(report[1])


TELLERS = {
    (Command.presentation, Presentation.S_ARDUINO_NODE): tell_version,
    (Command.presentation, Presentation.S_ARDUINO_REPEATER_NODE): tell_repeater,
    (Command.internal, Internal.I_BATTERY_LEVEL): tell_battery,
    (Command.internal, Internal.I_VERSION): tell_gateway_version,
    (Command.internal, Internal.I_CONFIG): tell_parent,
    (Command.internal, Internal.I_DISCOVER_RESPONSE): tell_parent,
    (Command.internal, Internal.I_SKETCH_NAME): tell_sketch_name,
    (Command.internal, Internal.I_SKETCH_VERSION): tell_sketch_version,
    (Command.internal, Internal.I_PRE_SLEEP_NOTIFICATION): tell_sleep,
    (Command.internal, Internal.I_SIGNAL_REPORT_RESPONSE): tell_signal,
}


# The tracker's convention: this child tells of the radio, not of the house.
REPORT_CHILD = 98
REPORTS = {SetReq.V_TEXT: tell_parent_text, SetReq.V_VAR5: tell_arc}


def teller(header):
    """The function that learns from messages with this header, or None; echoes tell nothing new.

    It takes the Sensor for the presentation of a child and the Node for everything else, the payload and the time (UTC
    text), and may return a reason that makes the message an oddity.
    """
    if header.echo:
        return None
    if header.command == Command.presentation and header.child != NODE_CHILD:
        return partial(tell_child, header.type)
    if header.command == Command.set and header.child == REPORT_CHILD:
        return REPORTS.get(header.type)
    return TELLERS.get((header.command, header.type))
