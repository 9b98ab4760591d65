"""UPSes and their ids: a UPS keeps its id while names and order change in the config."""

import sqlite3
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from ingest.db.connection import transaction
from ingest.ups.settings import UpsSettings


@dataclass(frozen=True)
class UpsSource:
    """A NUT server or an EP20 that ingest reads.

    `listed`: the names in the config; () is all of a server's.
    """

    name: str
    driver: str  # 'nut' | 'must'
    address: str
    listed: tuple[str, ...] = ()

    def address_of(self, ups: str) -> str:
        """Where one of its UPSes is: host:port/ups, or the serial device."""
        return f"{self.address}/{ups.partition('@')[0]}" if self.driver == "nut" else self.address


def register(
    connection: sqlite3.Connection, sources: Sequence[UpsSource], settings: Mapping[str, UpsSettings]
) -> None:
    """Bring the rows of `ups` in line with the config: `configured`, labels, renamed UPSes.

    `sources` are all of the config, `settings` its `ups:`. A name that is known keeps its id; a new one at
    the address of a UPS whose name is no longer in the config is that one, renamed.
    """
    with transaction(connection):
        taken = _update_known(connection, sources)
        for source in sources:
            for name in source.listed:
                if name not in taken:
                    insert(connection, name, source.driver, source.name, source.address_of(name))
        connection.execute(
            """update events set complete = 0, ended_at =
            coalesce((select max(last_sample_at, started_at) from ups where id = events.ups), started_at)
            where ended_at is null and ups in (select id from ups where not configured)"""
        )
        for name, config_label in connection.execute("select name, config_label from ups").fetchall():
            own = settings.get(name)
            if (label := own.label if own else "") != config_label:
                connection.execute("update ups set config_label = ? where name = ?", (label, name))
            if own is not None:
                connection.execute("update ups set location = ? where name = ?", (own.location, name))


def _update_known(connection: sqlite3.Connection, sources: Sequence[UpsSource]) -> set[str]:
    """Set name, source, address and `configured` of the rows that are there; returns every name in use."""
    by_name = {source.name: source for source in sources}
    rows = connection.execute("select id, name, driver, source, address from ups order by id").fetchall()
    taken = {name for _, name, *_ in rows}
    connection.execute("update ups set configured = 0 where configured")
    for id, name, driver, source_name, address in rows:
        source = by_name.get(source_name)
        if source is None or source.driver != driver:
            name, source = _renamed(name, driver, address, sources, taken)
        if source is None:
            continue
        configured = not source.listed or name in source.listed
        connection.execute(
            "update ups set name = ?, source = ?, address = ?, configured = ? where id = ?",
            (name, source.name, source.address_of(name), int(configured), id),
        )
        taken.add(name)
    return taken


def _renamed(
    name: str, driver: str, address: str, sources: Sequence[UpsSource], taken: Container[str]
) -> tuple[str, UpsSource | None]:
    """(new name, source) of a UPS whose source is gone, where another one has its address."""
    for source in sources:
        if source.driver != driver:
            continue
        new = f"{name.partition('@')[0]}@{source.name}" if driver == "nut" else source.name
        if (
            source.address_of(new) == address
            and new not in taken
            and (not source.listed or new in source.listed)
        ):
            return new, source
    return name, None


def insert(
    connection: sqlite3.Connection, name: str, driver: str, source: str, address: str, label: str = ""
) -> int:
    """Insert a new UPS, or find the one that another program has just inserted; returns its id.

    `label` is what the device or its server calls it; it becomes `reported_label`.
    """
    connection.execute(
        """insert into ups (name, driver, source, address, label) values (?, ?, ?, ?, ?)
        on conflict (name) do nothing""",
        (name, driver, source, address, label or name),
    )
    row: tuple[int] = connection.execute("select id from ups where name = ?", (name,)).fetchone()
    return row[0]
