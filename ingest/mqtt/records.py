"""What goes between the clients of a broker and their connection. Pure."""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from ingest.mqtt.problems import APART


class Retained(IntEnum):
    """When the broker sends its retained messages upon a subscription (MQTT 5; one of 3.1.1 always does)."""

    ALWAYS = 0
    IF_NEW = 1  # where the session has not got this subscription yet
    NEVER = 2


class Published(NamedTuple):
    """A message as the broker sent it; `packet` is 0 for QoS 0, which takes no acknowledgement."""

    topic: str
    payload: bytes
    retained: bool
    packet: int = 0
    is_again: bool = False  # the broker sent it before and got no acknowledgement


@dataclass(frozen=True)
class ClientOptions:
    """Who a client is at its broker, and what it takes.

    `keeps_session`: the broker keeps QoS 1 messages while it is away. `acknowledges`: the client acknowledges
    them itself, else each counts as taken when `on_message` has returned. `apart` is the key of the config
    that makes the ids of two clients differ.
    """

    client_id: str
    keeps_session: bool = True
    acknowledges: bool = True
    connect_s: float = 10.0
    will: tuple[str, bytes] | None = None  # topic and payload of a retained last will
    max_packet: int = 4096  # bytes of what the broker sends (MQTT 5)
    apart: str = APART


@dataclass(frozen=True)
class Subscription:
    """What is subscribed, and how. `no_local`: without what this client publishes itself (MQTT 5)."""

    topics: tuple[str, ...]
    qos: int = 1
    retained: Retained = Retained.ALWAYS
    no_local: bool = False
    keeps_retained_flag: bool = False  # a message is marked as retained for whoever listens already, too
