"""The active mutes, for the pages that show them: everybody who reads them sees that nothing is sent."""

import sqlite3

from ingest.db.time import format_utc
from outbound.alerts.mutes import active_mutes, describe_end
from plugins.web.query import DATABASE, Row
from plugins.web.site import Site
from plugins.web.table_guard import GuardedDatabase


async def read_mutes(site: Site) -> list[Row]:
    """Active mutes, the oldest first; `end` says when it ends where `until` has no time."""
    database = site.get_database(DATABASE)
    if not isinstance(database, GuardedDatabase):
        return []
    rows: list[Row] = await database.read_hidden(_shown)
    return rows


def _shown(connection: sqlite3.Connection) -> list[Row]:
    return [
        {
            "id": mute.id,
            "what": str(mute.scope),
            "ups": mute.scope.ups,
            "node": mute.scope.node,
            "rule": mute.scope.rule,
            "everything": mute.scope.everything,
            "until": None if mute.until is None else format_utc(mute.until),
            "end": "" if mute.until is not None else describe_end(connection, mute),
            "event": mute.event,
            "reason": mute.reason,
            "muted_at": format_utc(mute.muted_at),
            "muted_by": mute.muted_by,
        }
        for mute in active_mutes(connection)
    ]
