"""Columns and repairs that follow from how payloads are read."""

from sqlite_utils import Database


def payload_bytes(db: Database) -> None:
    """Keep the bytes of payloads that are no UTF-8; imports mark old messages, so these go by time."""
    db.execute("alter table messages add column raw blob")
    db.execute("drop index oddities_node")
    db.execute("create index oddities_node on oddities (node, at)")
