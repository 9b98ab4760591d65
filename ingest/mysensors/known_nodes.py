"""What a gateway's dialogue must remember of earlier days, read from the file once, at the start."""

from dataclasses import dataclass

from ingest.db.time import parse_utc
from ingest.mysensors.protocol import Command, Header


@dataclass
class KnownNodes:
    """Ids are node ids of one gateway."""

    values: dict  # Header of the set message of a channel -> its last text
    heard: set  # ids in use, heard or assigned
    assigned: dict  # id that was assigned and never heard since -> unix seconds
    presented: set
    sleepers: set
    protocols: dict  # id -> version of its library


def load_known_nodes(connection, gateway):
    """Read it for the gateway with this number."""
    known = KnownNodes({}, set(), {}, set(), set(), {})
    for node_id, presented_at, smart_sleep_ms, version, id_given_at, last_seen_at in connection.execute(
        "select node_id, presented_at, smart_sleep_ms, protocol_version, id_given_at, last_seen_at "
        "from nodes where gateway = ?",
        (gateway,),
    ):
        known.heard.add(node_id)
        if id_given_at is not None and last_seen_at is None:
            known.assigned[node_id] = parse_utc(id_given_at)
        if presented_at is not None:
            known.presented.add(node_id)
        if smart_sleep_ms is not None:
            known.sleepers.add(node_id)
        known.protocols[node_id] = version or ""
    for node_id, child, type, text in connection.execute(
        "select nodes.node_id, sensors.child_id, channels.type, channels.text from channels "
        "join sensors on sensors.id = channels.sensor join nodes on nodes.id = channels.node where nodes.gateway = ?",
        (gateway,),
    ):
        known.values[Header(node_id, child, Command.set, 0, type)] = text
    return known
