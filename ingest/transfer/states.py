"""Nodes, sensors and channels as another program knows them, merged into ours: what is known only moves forward.

The newer of the two wins, by the times that stand in the row; what ours lacks is filled in; nothing is taken away.
"""

from ingest.db.connection import transaction
from ingest.mysensors.state import ChannelState, NodeState, SensorState
from ingest.transfer.checkpoint import raise_topics

TOGETHER = 500  # rows merged in a transaction
BY_TIME = {  # column -> the column with its time
    NodeState: {
        "battery_level": "battery_level_at",
        "battery_level_at": "battery_level_at",
        "role": "presented_at",
    },
    ChannelState: dict.fromkeys(("value", "text", "usual", "spread"), "last_at"),
    SensorState: {},
}
DATED = {  # what has a time of its own; the rest is as it was when all has been told
    NodeState: {"role", "presented_at", "battery_level", "battery_level_at", "first_seen_at", "last_seen_at"},
    SensorState: {"first_seen_at", "last_seen_at"},
    ChannelState: set(ChannelState.COLUMNS),
}
SEEN = {NodeState: "last_seen_at", SensorState: "last_seen_at", ChannelState: "last_at"}
LATEST = ("last_seen_at", "last_at", "presented_at")
EARLIEST = ("first_seen_at", "first_at")
EXACT = ("value", "text")  # a text that is no number has no value: these go together


def _merged(kind, column):
    table, time = kind.TABLE, BY_TIME[kind].get(column, SEEN[kind])
    ours, theirs = f"{table}.{column}", f"excluded.{column}"
    if column in LATEST:
        return f"nullif(max(coalesce({ours}, ''), coalesce({theirs}, '')), '')"
    if column in EARLIEST:
        return f"min(coalesce({ours}, {theirs}), coalesce({theirs}, {ours}))"
    if column == "readings":
        return f"{ours} + {theirs}"
    newer = f"coalesce(excluded.{time}, '') >= coalesce({table}.{time}, '')"
    if column in EXACT or column == "role":
        newer = newer if column in EXACT else f"excluded.{time} >= coalesce({table}.{time}, '')"
        return f"case when {newer} then {theirs} else {ours} end"
    return f"case when {newer} then coalesce({theirs}, {ours}) else coalesce({ours}, {theirs}) end"


def _statement(kind):
    names = kind.FIXED + kind.COLUMNS
    return (
        f"insert into {kind.TABLE} (name, {', '.join(names)}) values ('', {', '.join('?' * len(names))}) "
        f"on conflict (id) do update set {', '.join(f'{name} = {_merged(kind, name)}' for name in kind.COLUMNS)}"
    )


STATEMENTS = {kind: _statement(kind) for kind in (NodeState, SensorState, ChannelState)}


def save_states(connection, states, dated=False):
    """Merge State objects; a Channel's `readings` are those that come in addition. Returns the topics that changed.

    `dated`: only what has a time of its own. What the file tells next is to fill in the rest, not what it told first.
    """
    topics = set()
    for kind, statement in STATEMENTS.items():
        wanted = [
            not dated or name in kind.FIXED or name in DATED[kind] for name in kind.FIXED + kind.COLUMNS
        ]
        chosen = [
            [value if keep else None for value, keep in zip(state.values(), wanted)]
            for state in states
            if type(state) is kind
        ]
        if chosen:
            connection.executemany(statement, chosen)
            topics.add(kind.TABLE)
    return topics


def merge_states(connection, states):
    """The same in transactions of its own."""
    for start in range(0, len(states), TOGETHER):
        with transaction(connection):
            raise_topics(connection, save_states(connection, states[start : start + TOGETHER]))


def save_heard(connection, gateway, first_at, last_at, version=None):
    """Between these two times (UTC text) the gateway was heard, by somebody."""
    connection.execute(
        "update gateways set version = coalesce(version, :version), "
        "first_seen_at = min(coalesce(first_seen_at, :first), :first), "
        "last_seen_at = max(coalesce(last_seen_at, :last), :last) where id = :gateway",
        {"version": version, "first": first_at, "last": last_at, "gateway": gateway},
    )
