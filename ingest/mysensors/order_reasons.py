"""Why an order waits, has failed or has expired, as text. Pure."""

from collections.abc import Callable

from ingest.db.durations import format_duration
from ingest.mysensors.commands import NodeOrder
from ingest.mysensors.protocol import Command
from ingest.mysensors.sleep import NodeSleep

SIGNED_PAYLOAD = 23  # bytes of a signed message: `core/MySigningAtsha204Soft.cpp`


def window_reason(sleep: NodeSleep, now: float, wall: float, local_time: Callable[[float], str]) -> str:
    """What an order waits for, and about when that is due; empty for a node that is awake.

    `now` is in seconds of the monotonic clock, `wall` in unix seconds.
    """
    if not sleep.awaits_window:
        return ""
    if sleep.interval_s is None:
        return "the node sleeps; when it listens next is not known yet"
    every = f"it listens every {format_duration(sleep.interval_s)}"
    if sleep.next_window is None:
        return f"the node sleeps; {every}"
    due = local_time(wall + sleep.next_window - now)
    if sleep.next_window < now:
        return f"the node sleeps; {every} and was due at about {due}"
    return f"will be sent about {due}, when the node wakes; {every}"


def other_echo_reason(order: NodeOrder) -> str:
    """What is wrong with the echo that came."""
    return f"the node echoed {order.other_echo!r} instead of {order.payload!r}"


def failure_reason(order: NodeOrder) -> str:
    """Why an order is given up."""
    tries = _count(order.tries, "try", "tries")
    if order.other_echo is not None:
        return f"no echo of it after {tries}: {other_echo_reason(order)}"
    reason = f"no echo after {tries}: the node is off, out of reach or asleep"
    if not order.is_repeatable:
        reason += "; it is not sent again, because it may have arrived"
    size = len(order.payload.encode())
    if order.header.command != Command.stream and size > SIGNED_PAYLOAD:
        reason += f"; a node that wants signed messages takes {SIGNED_PAYLOAD} bytes, this has {size}"
    return reason


def expiry_reason(order: NodeOrder, awaits_window: bool) -> str:
    """Why an order was not done in its lifetime."""
    if order.other_echo is not None:
        return other_echo_reason(order)
    if order.windows:
        return f"sent in {_count(order.windows, 'window', 'windows')} of the node, no echo came"
    if awaits_window:
        tried = f" ({_count(order.tries, 'try', 'tries')} at once, no echo)" if order.tries else ""
        return f"the node did not wake in time{tried}"
    return "its lifetime ended"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
