"""Tries a gateway that nobody reads: can it be opened, does it speak MySensors. For `voltkeeper check`."""

import os
import re
import select
import socket
import termios
import time

import serial

from ingest.mysensors.replies import ask_version
from ingest.mysensors.transport import CONNECT_S, explain

GREETING_S = 1.5  # a gateway that greets does it at once
ANSWER_S = 4.0  # a board that the opening has reset takes a while
LINE = re.compile(rb"^\d{1,3};\d{1,3};[0-4];[01];\d{1,3};", re.MULTILINE)
READY = re.compile(rb"^0;255;3;0;14;", re.MULTILINE)


def probe(gateway):
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
        send(ask_version().encode())
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
