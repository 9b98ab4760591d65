"""Columns and repairs that follow from how payloads are read."""

from sqlite_utils import Database

from ingest.mysensors.value_types import NUMBERS, parse_value


def payload_bytes(db: Database) -> None:
    """Keep the bytes of payloads that are no UTF-8; imports mark old messages, so these go by time."""
    db.execute("alter table messages add column raw blob")
    db.execute("drop index oddities_node")
    db.execute("create index oddities_node on oddities (node, at)")


def values_by_type(db: Database) -> None:
    """Take away the value of a channel whose text only looked like a number, such as a colour or an id.

    Its readings and hours follow in `ingest/recompute`: they are many.
    """
    rows = db.execute("select id, type, text from channels where value is not null").fetchall()
    for channel, type, text in rows:
        if type not in NUMBERS and parse_value(type, text or "") is None:
            db.execute(
                "update channels set value = null, usual = null, spread = null where id = ?", (channel,)
            )
