"""Probes of the sources of a config: does it answer, how are its UPSes, would it take orders. For `voltkeeper check`."""

import os
import re
import select
import socket
import termios
import time

import serial

from ingest.config.loader import nearest
from ingest.must.client import MustClient
from ingest.must.errors import MustError
from ingest.mysensors.replies import format_version_request
from ingest.mysensors.transport import CONNECT_S, explain
from ingest.nut.client import NutClient
from ingest.nut.errors import NutError
from ingest.ups.status import describe_status

GREETING_S = 1.5  # a gateway that greets does it at once
ANSWER_S = 4.0  # a board that the opening has reset takes a while
LINE = re.compile(rb"^\d{1,3};\d{1,3};[0-4];[01];\d{1,3};", re.MULTILINE)
READY = re.compile(rb"^0;255;3;0;14;", re.MULTILINE)


def probe_gateway(gateway):
    """(good, words) of a gateway of the config: what it said, or what is wrong and what to do."""
    try:
        return _probe_tcp(gateway) if gateway.tcp else _probe_serial(gateway)
    except OSError as error:
        return False, explain(error)
    except termios.error as error:
        return False, explain(OSError(*error.args))


def _probe_tcp(gateway):
    host, _, port = gateway.tcp.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S) as connection:
        connection.setblocking(False)
        heard, ended = _talk(gateway, connection.fileno(), lambda: connection.recv(4096), connection.send)
    if ended and not heard:
        return False, (
            "it closes the connection at once: another program may hold its only place for a client;"
            " stop that one, or build the gateway with a larger MY_GATEWAY_MAX_CLIENTS"
        )
    return _judge(gateway, heard, "is that the gateway's port (5003 unless built otherwise)?")


def _probe_serial(gateway):
    if os.path.exists(gateway.serial) and not os.access(gateway.serial, os.R_OK | os.W_OK):
        return False, "no permission: `sudo usermod -aG dialout $USER`, then sign in again"
    with serial.Serial(gateway.serial, gateway.baudrate, timeout=0, exclusive=True) as port:
        heard, ended = _talk(gateway, port.fileno(), lambda: os.read(port.fileno(), 4096), port.write)
    if ended and not heard:
        return False, "the device is gone: unplugged?"
    return _judge(gateway, heard, f"is the baud rate {gateway.baudrate} right?")


def _talk(gateway, descriptor, receive, send):
    """Listen, and ask a silent gateway for its version. Returns (bytes heard, did the other side end it)."""
    heard, ended = _listen(descriptor, receive, GREETING_S)
    if not LINE.search(heard) and not ended and gateway.controller:
        send(format_version_request().encode())
        more, ended = _listen(descriptor, receive, ANSWER_S)
        heard += more
    return heard, ended


def _listen(descriptor, receive, seconds):
    heard, until = b"", time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not LINE.search(heard):
        if not select.select([descriptor], [], [], left)[0]:
            continue
        try:
            data = receive()
        except ConnectionError:
            return heard, True
        if not data:
            return heard, True
        heard += data
    return heard, False


def _judge(gateway, heard, remedy):
    if READY.search(heard):
        return True, "answers: gateway ready"
    if LINE.search(heard):
        return True, "answers and speaks MySensors"
    if heard:
        return False, f"something answers, but it does not speak MySensors ({heard[:40]!r}): {remedy}"
    if not gateway.controller:
        return True, "connected; it has said nothing so far, and is not asked (controller: false)"
    return False, f"connected, but it says nothing, not even its version: {remedy}"


TIMEOUT_S = 4.0


def probe_nut(server):
    """(good, words) of a NUT server of the config: the status of each of its UPSes, or what is wrong and what to do."""
    try:
        with NutClient(
            server.host, server.port, server.username, server.password, timeout=TIMEOUT_S
        ) as client:
            names = list(server.ups) or list(client.list_ups())
            told = [_status(client, name) for name in names]
        faults = [words for good, words in told if not good]
    except NutError as error:
        return False, error.message
    if not names:
        return False, "it answers, and has no UPS: add one to upsd's ups.conf"
    return not faults, "; ".join(faults or [words for _, words in told])


def _status(client, name):
    try:
        return True, f"{name} is {describe_status(client.get_var(name, 'ups.status'))}"
    except NutError as error:
        if not error.answered:
            raise
        return False, f"{name}: {error.message}"


def orders_of(server, settings):
    """Name at the server -> what the config lists for it, of the UPSes of a NUT server to which anything may be ordered."""
    listed = ((name.rpartition("@"), own) for name, own in settings.items() if own.commands or own.settings)
    return {ups: own for (ups, _, source), own in listed if source == server.name}


def probe_orders(server, settings):
    """(good, words): would a NUT server take what the config lists of its UPSes (`settings` is the config's `ups:`)."""
    listed, user = orders_of(server, settings), server.command_username
    try:
        with NutClient(server.host, server.port, user, server.command_password, timeout=TIMEOUT_S) as client:
            faults = [
                words
                for ups, own in listed.items()
                for words in _missing(client, f"{ups}@{server.name}", own)
            ]
            ups = next(iter(listed or server.ups or client.list_ups()), None)
            allowed = ups is None or _can_set(client, ups)
    except NutError as error:
        return False, error.message
    told = [f"{ups}@{server.name}: {_count(own)}" for ups, own in listed.items()] or [
        "nothing is listed under ups:"
    ]
    if not allowed and user is None:
        faults.append(
            "it takes orders of users alone: add a section to upsd.users, such as `[operator]`, `password = ...`, `actions = SET`, "
            "`instcmds = ALL`, and name them as command_username and command_password"
        )
    elif not allowed and (not listed or any(own.settings for own in listed.values())):
        faults.append(
            f"command_username {user} is refused: wrong password, or no `actions = SET` in upsd.users"
        )
    elif not allowed:
        told.append(f"whether {user} may send them shows with the first one: upsd tells it of settings alone")
    return not faults, "; ".join(faults or told)


def _missing(client, name, own):
    """What the config lists and the UPS does not have, in words."""
    ups = name.partition("@")[0]
    try:
        there = {"command": client.list_command_names(ups), "setting": list(client.list_rw_vars(ups))}
    except NutError as error:
        if not error.answered:
            raise
        return [f"{name}: {error.message}"]
    return [
        f"{name} has no {kind} {word}: {nearest(word, there[kind]) if there[kind] else 'the server tells of none'}"
        for kind, words in (("command", own.commands), ("setting", own.settings))
        for word in words
        if word not in there[kind]
    ]


def _can_set(client, ups):
    try:
        return client.can_set(ups)
    except NutError as error:
        if not error.answered:
            raise
        return True  # the UPS gives no data now, which its own line tells


def _count(own):
    """What may be ordered of a UPS, in words."""
    counted = ((len(own.commands), "command"), (len(own.settings), "setting"))
    return ", ".join(f"{number} {word}{'' if number == 1 else 's'}" for number, word in counted if number)


def probe_must(device):
    """(good, words) of an EP20 of the config."""
    try:
        with MustClient(device.serial) as client:
            variables = client.read_status()
    except MustError as error:
        return False, error.message
    return (
        True,
        f"answers: {describe_status(variables['ups.status'])}, {variables['battery.charge']} % charged",
    )
