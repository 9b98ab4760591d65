"""The client ids of one installation at its brokers: the same at every start, and of no other one."""

import re
import sqlite3
import zlib

from ingest.mqtt.settings import BrokerOptions


def gateway_part(number: int, publish: str) -> str:
    """The part of a gateway: with another prefix it begins another session, as it needs other topics."""
    return f"gateway-{number}-{zlib.crc32(publish.encode()) & 0xFFFF:04x}"


def publisher_part(prefix: str) -> str:
    """The part of whoever publishes below a prefix: of each prefix another one, `/` and `-` in it or not."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "-", prefix)
    return f"publish-{prefix}" if plain == prefix else f"publish-{plain}-{zlib.crc32(prefix.encode()):08x}"


def client_id(connection: sqlite3.Connection, broker: BrokerOptions, part: str) -> str:
    """The id of one part, such as `gateway-0-1f2e`: by the config, else by the key of the site."""
    base = broker.client_id
    if base is None:
        (key,) = connection.execute("select key from site").fetchone()
        base = f"voltkeeper-{key}"
    return f"{base}-{part}"
