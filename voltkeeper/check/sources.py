"""Probes for `voltkeeper check`: does a source answer, how are its UPSes, would it take orders."""

import os
import re
import select
import socket
import termios
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import serial

from ingest.config.model import GatewaySettings, MustSettings, NutServerSettings, UpsSettings
from ingest.must.client import MustClient
from ingest.must.errors import MustError
from ingest.mysensors.listener import NOBODY, bind, explain_bind
from ingest.mysensors.protocol import GATEWAY_NODE, NODE_CHILD, Command, Internal, format_line
from ingest.mysensors.settings import GatewayTiming
from ingest.mysensors.transport import explain
from ingest.nearest import nearest
from ingest.nut.client import NutClient
from ingest.nut.errors import NutError
from ingest.nut.reading import connect_for_reading, user_problem
from ingest.severity import Severity
from ingest.ups.status import NO_STATUS, describe_status, status_severity

LINE = re.compile(rb"^\d{1,3};\d{1,3};[0-4];[01];\d{1,3};", re.MULTILINE)
READY = re.compile(rb"^0;255;3;0;14;", re.MULTILINE)


@dataclass(frozen=True)
class ProbeTiming:
    """How long an answer is waited for, in seconds."""

    greeting_s: float = 1.5  # a gateway that greets does it at once
    gateway_s: float = 4.0  # a board that the opening has reset takes a while
    upsd_s: float = 4.0


TIMING = ProbeTiming()


class Finding(NamedTuple):
    """What a probe found: how the source is, or what is wrong and what to do."""

    ok: bool
    message: str


class Received(NamedTuple):
    """The bytes that a gateway sent, and whether it ended the connection."""

    data: bytes
    ended: bool


def probe_gateway(gateway: GatewaySettings, timing: ProbeTiming = TIMING) -> Finding:
    """Try a gateway that no ingest reads: can it be opened, does it speak MySensors."""
    try:
        if gateway.listen:
            return _probe_listen(gateway, gateway.listen)
        return _probe_tcp(gateway, timing) if gateway.tcp else _probe_serial(gateway, timing)
    except OSError as error:
        return Finding(False, explain(error))
    except termios.error as error:
        return Finding(False, explain(OSError(*error.args)))


def _probe_tcp(gateway: GatewaySettings, timing: ProbeTiming) -> Finding:
    host, _, port = (gateway.tcp or "").rpartition(":")
    with socket.create_connection(
        (host.strip("[]"), int(port)), timeout=GatewayTiming.connect_s
    ) as connection:
        connection.setblocking(False)
        received = _talk(gateway, connection.fileno(), lambda: connection.recv(4096), connection.send, timing)
    return _assess(
        gateway,
        received,
        gone="it closes the connection at once: another program may hold its only place for a client;"
        " stop that one, or build the gateway with a larger MY_GATEWAY_MAX_CLIENTS",
        remedy="is that the gateway's port (5003 unless built otherwise)?",
    )


def _probe_listen(gateway: GatewaySettings, listen: str) -> Finding:
    """Try the port of a gateway that dials in; whether it does shows when ingest runs."""
    if not gateway.sources:
        return Finding(False, NOBODY)
    try:
        bind(listen).close()
    except OSError as error:
        return Finding(False, explain_bind(error))
    return Finding(
        True, f"the port is free; {', '.join(gateway.sources)} can dial in as soon as `voltkeeper up` runs"
    )


def _probe_serial(gateway: GatewaySettings, timing: ProbeTiming) -> Finding:
    device = gateway.serial or ""
    if os.path.exists(device) and not os.access(device, os.R_OK | os.W_OK):
        return Finding(False, "no permission: `sudo usermod -aG dialout $USER`, then sign in again")
    with serial.Serial(device, gateway.baudrate, timeout=0, exclusive=True) as port:
        received = _talk(gateway, port.fileno(), lambda: os.read(port.fileno(), 4096), port.write, timing)
    return _assess(
        gateway,
        received,
        gone="the device is gone: unplugged?",
        remedy=f"is the baud rate {gateway.baudrate} right?",
    )


# 0;255;3;0;2; / 0;255;3;0;2;2.3.2   (one that starts greets: 0;255;3;0;14;GatewaySettings startup complete.)
def _talk(
    gateway: GatewaySettings,
    descriptor: int,
    receive: Callable[[], bytes],
    send: Callable[[bytes], object],
    timing: ProbeTiming,
) -> Received:
    """Listen, and ask a silent gateway for its version."""
    received = _listen(descriptor, receive, timing.greeting_s)
    if LINE.search(received.data) or received.ended or not gateway.controller:
        return received
    send(format_line(GATEWAY_NODE, NODE_CHILD, Command.internal, 0, Internal.I_VERSION).encode())
    more = _listen(descriptor, receive, timing.gateway_s)
    return Received(received.data + more.data, more.ended)


def _listen(descriptor: int, receive: Callable[[], bytes], limit_s: float) -> Received:
    data, until = b"", time.monotonic() + limit_s
    while (left := until - time.monotonic()) > 0 and not LINE.search(data):
        if select.select([descriptor], [], [], left)[0]:
            try:
                more = receive()
            except ConnectionError:
                more = b""
            if not more:
                return Received(data, True)
            data += more
    return Received(data, False)


def _assess(gateway: GatewaySettings, received: Received, gone: str, remedy: str) -> Finding:
    data = received.data
    if READY.search(data):
        return Finding(True, "answers: gateway ready")
    if LINE.search(data):
        return Finding(True, "answers and speaks MySensors")
    if data:
        return Finding(False, f"something answers, but it does not speak MySensors ({data[:40]!r}): {remedy}")
    if received.ended:
        return Finding(False, gone)
    if not gateway.controller:
        return Finding(True, "connected; it has sent nothing so far, and is not asked (controller: false)")
    return Finding(False, f"connected, but it sends nothing, not even its version: {remedy}")


def probe_nut(server: NutServerSettings, timing: ProbeTiming = TIMING) -> Finding:
    """Ask a NUT server for the status of each of its UPSes."""
    try:
        client, _, refusal = connect_for_reading(server, timing.upsd_s)
        with client:
            findings = [_status(client, name) for name in server.ups or client.list_ups()]
    except NutError as error:
        return Finding(False, error.message)
    if not findings:
        return Finding(False, "it answers, and has no UPS: add one to upsd's ups.conf")
    faults = [finding.message for finding in findings if not finding.ok]
    remarks = [user_problem(refusal, client.server, server.username or "")] if refusal else []
    return Finding(not faults, "; ".join([*(faults or [one.message for one in findings]), *remarks]))


def _status(client: NutClient, name: str) -> Finding:
    try:
        return Finding(True, f"{name} is {_describe_status(client.get_var(name, 'ups.status'))}")
    except NutError as error:
        if not error.answered:
            raise
        if error.outcome == "unsupported":
            return Finding(True, f"{name}: {NO_STATUS}")
        return Finding(False, f"{name}: {error.message}")


def _describe_status(status: str) -> str:
    """The status as text, with its severity where it is not OK."""
    severity = status_severity(status)
    return describe_status(status) + ("" if severity is Severity.OK else f" ({severity})")


def orders_of(server: NutServerSettings, settings: Mapping[str, UpsSettings]) -> dict[str, UpsSettings]:
    """Return name at the server -> config, of the UPSes of a NUT server of which anything may be ordered."""
    listed = ((name.rpartition("@"), own) for name, own in settings.items() if own.commands or own.settings)
    return {ups: own for (ups, _, source), own in listed if source == server.name}


def probe_orders(
    server: NutServerSettings, settings: Mapping[str, UpsSettings], timing: ProbeTiming = TIMING
) -> Finding:
    """Ask a NUT server whether it would take what `settings`, the config's `ups:`, lists of its UPSes."""
    listed, user = orders_of(server, settings), server.command_username
    try:
        with NutClient(
            server.host,
            server.port,
            user,
            server.command_password,
            timeout=timing.upsd_s,
            tls=server.tls,
        ) as client:
            faults = [
                fault
                for ups, own in listed.items()
                for fault in _missing(client, f"{ups}@{server.name}", own)
            ]
            ups = next(iter(listed or server.ups or client.list_ups()), None)
            allowed = ups is None or _can_set(client, ups)
    except NutError as error:
        return Finding(False, error.message)
    remarks = [f"{ups}@{server.name}: {_count(own)}" for ups, own in listed.items()]
    remarks = remarks or ["nothing is listed under ups:"]
    if not allowed:
        refusal = _refused_user(user, listed)
        (remarks if refusal.ok else faults).append(refusal.message)
    return Finding(not faults, "; ".join(faults or remarks))


def _refused_user(user: str | None, listed: Mapping[str, UpsSettings]) -> Finding:
    """What it means that this user may set no variable."""
    if user is None:
        return Finding(
            False,
            "it takes orders of users alone: add a section to upsd.users, such as `[operator]`, "
            "`password = ...`, `actions = SET`, `instcmds = ALL`, and name them as "
            "command_username and command_password",
        )
    if not listed or any(own.settings for own in listed.values()):
        return Finding(
            False, f"command_username {user} is refused: wrong password, or no `actions = SET` in upsd.users"
        )
    return Finding(
        True, f"whether {user} may send them shows with the first one: upsd checks it of settings alone"
    )


def _missing(client: NutClient, name: str, own: UpsSettings) -> list[str]:
    """Return a message for each name that the config lists and the UPS does not have."""
    ups = name.partition("@")[0]
    try:
        there = {"command": client.list_command_names(ups), "setting": list(client.list_rw_vars(ups))}
    except NutError as error:
        if not error.answered:
            raise
        return [f"{name}: {error.message}"]
    return [
        f"{name} has no {kind} {listed}: "
        + (nearest(listed, there[kind]) if there[kind] else "the server lists none")
        for kind, names in (("command", own.commands), ("setting", own.settings))
        for listed in names
        if listed not in there[kind]
    ]


def _can_set(client: NutClient, ups: str) -> bool:
    try:
        return client.can_set(ups)
    except NutError as error:
        if not error.answered:
            raise
        return True  # the UPS gives no data now, which its own line reports


def _count(own: UpsSettings) -> str:
    """Return how much may be ordered of a UPS: '2 commands, 1 setting'."""
    counted = ((len(own.commands), "command"), (len(own.settings), "setting"))
    return ", ".join(f"{number} {kind}{'' if number == 1 else 's'}" for number, kind in counted if number)


def probe_must(device: MustSettings) -> Finding:
    """Ask an EP20 for its status."""
    try:
        with MustClient(device.serial) as client:
            variables = client.read_status()
    except MustError as error:
        return Finding(False, error.message)
    status = _describe_status(variables["ups.status"])
    return Finding(True, f"answers: {status}, {variables['battery.charge']} % charged")
