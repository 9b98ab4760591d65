"""Nodes, sensors and channels as another program knows them, merged into ours.

What is known only moves forward: the newer of the two wins, by the times that stand in the row; what ours
lacks is filled in; nothing is taken away.
"""

from collections.abc import Iterable, Sequence
from sqlite3 import Connection

from ingest.db.connection import transaction
from ingest.mysensors.state import ChannelState, NodeState, RowState, SensorState
from ingest.transfer.checkpoint import raise_topics

TOGETHER = 500  # rows merged in a transaction
KINDS: tuple[type[RowState], ...] = (NodeState, SensorState, ChannelState)
REFUSED = ("refused_text", "refused_at", "refused_reason")  # of the newest report, where it does not count
BY_TIME: dict[type[RowState], dict[str, str]] = {  # column -> the column with its time
    NodeState: {
        "battery_level": "battery_level_at",
        "battery_level_at": "battery_level_at",
        "role": "presented_at",
    },
    ChannelState: dict.fromkeys(("value", "text", "usual", "spread"), "last_at")
    | dict.fromkeys(REFUSED, "refused_at"),
    SensorState: {},
}
DATED: dict[
    type[RowState], set[str]
] = {  # what has a time of its own; the rest is as it was at the end of the file
    NodeState: {
        *("role", "presented_at", "first_seen_at", "last_seen_at"),
        *("battery_level", "battery_level_at", "battery_refused", "battery_refused_at"),
    },
    SensorState: {"first_seen_at", "last_seen_at"},
    ChannelState: set(ChannelState.COLUMNS),
}
SEEN: dict[type[RowState], str] = {
    NodeState: "last_seen_at",
    SensorState: "last_seen_at",
    ChannelState: "last_at",
}
LATEST = ("last_seen_at", "last_at", "presented_at")
EARLIEST = ("first_seen_at", "first_at")
REFUSALS = ("battery_refused", "battery_refused_at")  # taken away by a newer good report
EXACT = ("value", "text")  # a text that is no number has no value: these go together


def _merged(kind: type[RowState], column: str) -> str:
    table, time = kind.TABLE, BY_TIME[kind].get(column, SEEN[kind])
    ours, theirs = f"{table}.{column}", f"excluded.{column}"
    if column in REFUSED:
        newest = [f"coalesce({table}.{at}, '')" for at in ("last_at", "refused_at")]
        of_ours = f"case when {table}.refused_at > coalesce(excluded.last_at, '') then {ours} end"
        is_newer = f"coalesce(excluded.refused_at, '') > max({', '.join(newest)})"
        return f"case when {is_newer} then {theirs} else {of_ours} end"
    if column in LATEST:
        return f"nullif(max(coalesce({ours}, ''), coalesce({theirs}, '')), '')"
    if column in EARLIEST:
        return f"min(coalesce({ours}, {theirs}), coalesce({theirs}, {ours}))"
    if column == "readings":
        return f"{ours} + {theirs}"
    if column == "role":
        return f"case when excluded.{time} >= coalesce({table}.{time}, '') then {theirs} else {ours} end"
    if column in REFUSALS:
        return (
            f"case when {_newest_report('excluded')} > {_newest_report(table)} then {theirs} else {ours} end"
        )
    newer = f"coalesce(excluded.{time}, '') >= coalesce({table}.{time}, '')"
    if column in EXACT:
        return f"case when {newer} then {theirs} else {ours} end"
    return f"case when {newer} then coalesce({theirs}, {ours}) else coalesce({ours}, {theirs}) end"


def _newest_report(row: str) -> str:
    """SQL: when the newest battery level of a row was reported, refused or not."""
    return f"max(coalesce({row}.battery_refused_at, ''), coalesce({row}.battery_level_at, ''))"


def _statement(kind: type[RowState]) -> str:
    names = _names(kind)
    merged = ", ".join(f"{name} = {_merged(kind, name)}" for name in names if name in kind.COLUMNS)
    return (
        f"insert into {kind.TABLE} (name, {', '.join(names)}) values ('', {', '.join('?' * len(names))}) "
        f"on conflict (id) do update set {merged}"
    )


def _names(kind: type[RowState]) -> tuple[str, ...]:
    return tuple(name for name in kind.FIXED + kind.COLUMNS if name not in kind.LIVE)


STATEMENTS = {kind: _statement(kind) for kind in KINDS}


def save_states(connection: Connection, states: Iterable[RowState], dated: bool = False) -> set[str]:
    """Merge states inside the open transaction; returns the topics that changed.

    A channel's `readings` are those that come in addition. `dated`: only what has a time of its own. The
    rest is to be filled in with what the file holds last, not first.
    """
    topics, held = set(), list(states)
    for kind, statement in STATEMENTS.items():
        is_taken = {name: not dated or name in kind.FIXED or name in DATED[kind] for name in _names(kind)}
        chosen = [
            [row[name] if is_taken[name] else None for name in is_taken]
            for row in (
                dict(zip(kind.FIXED + kind.COLUMNS, state.values(), strict=True))
                for state in held
                if type(state) is kind
            )
        ]
        if chosen:
            connection.executemany(statement, chosen)
            topics.add(kind.TABLE)
    return topics


def merge_states(connection: Connection, states: Sequence[RowState]) -> None:
    """The same in transactions of its own."""
    for start in range(0, len(states), TOGETHER):
        with transaction(connection):
            raise_topics(connection, save_states(connection, states[start : start + TOGETHER]))


def save_gateway_heard(
    connection: Connection, gateway: int, first_at: str, last_at: str, version: str | None = None
) -> None:
    """Store that the gateway was heard between these two times (UTC text), by any program."""
    connection.execute(
        "update gateways set version = coalesce(version, :version), "
        "first_seen_at = min(coalesce(first_seen_at, :first), :first), "
        "last_seen_at = max(coalesce(last_seen_at, :last), :last) where id = :gateway",
        {"version": version, "first": first_at, "last": last_at, "gateway": gateway},
    )
