"""A step that wakes a machine: the magic packet of wake-on-LAN, by UDP broadcast."""

import re
import socket

from ingest.config.plan import WakeStep
from outbound.plan.model import StepOutcome, StepState

PACKETS = 3  # any may be lost, and more than one does no harm


def magic_packet(mac: str) -> bytes:
    """Six bytes 0xff, and 16 times the address."""
    return b"\xff" * 6 + bytes.fromhex(re.sub("[:-]", "", mac)) * 16


def send_wake(step: WakeStep) -> StepOutcome:
    """Send it; no answer comes."""
    packet = magic_packet(step.mac)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            for _ in range(PACKETS):
                sender.sendto(packet, (step.broadcast, step.port))
    except OSError as error:
        why = error.strerror or str(error)
        text = f"not sent to {step.broadcast}:{step.port}: {why}"
        return StepOutcome(StepState.FAILED, text, f"not sent: {why}")
    text = f"sent to {step.broadcast}:{step.port}; whether it woke is not known"
    return StepOutcome(StepState.DONE, text)
