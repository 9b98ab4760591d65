"""UPSes and their numbers: a UPS keeps its number while names and order change in the config."""

from dataclasses import dataclass

from ingest.db.connection import transaction


@dataclass(frozen=True)
class UpsSource:
    """What ingest reads UPSes from: one NUT server or one EP20. `listed`: the names in the config; () is all of a server's."""

    name: str
    driver: str  # 'nut' | 'must'
    address: str
    listed: tuple[str, ...] = ()

    def address_of(self, ups):
        """Where one of its UPSes is: host:port/ups, or the serial device."""
        return f"{self.address}/{ups.partition('@')[0]}" if self.driver == "nut" else self.address


def register(connection, sources, settings):
    """Bring the rows of `ups` in line with the config: which are configured, their labels, and new names of old ones.

    `sources` are all of the config, `settings` its `ups:`. A name that is known keeps its number; a new one at the
    address of a UPS whose name is in the config no more is that one, renamed.
    """
    sources = list(sources)
    by_name = {source.name: source for source in sources}
    with transaction(connection):
        rows = connection.execute("select id, name, driver, source, address from ups order by id").fetchall()
        taken = {name for _, name, *_ in rows}
        connection.execute("update ups set configured = 0 where configured")
        for number, name, driver, source_name, address in rows:
            source = by_name.get(source_name)
            if source is None or source.driver != driver:
                name, source = _moved(name, driver, address, sources, taken)
            if source is None:
                continue
            configured = not source.listed or name in source.listed
            connection.execute(
                "update ups set name = ?, source = ?, address = ?, configured = ? where id = ?",
                (name, source.name, source.address_of(name), int(configured), number),
            )
            taken.add(name)
        for source in sources:
            for name in source.listed:
                if name not in taken:
                    insert(connection, name, source.driver, source.name, source.address_of(name))
        connection.execute(
            "update events set ended_at = coalesce((select max(last_sample_at, started_at) from ups where id = events.ups), started_at), complete = 0 "
            "where ended_at is null and ups in (select id from ups where not configured)"
        )
        for name, label in connection.execute("select name, label from ups").fetchall():
            own = settings.get(name)
            if own is not None:
                connection.execute(
                    "update ups set label = ?, location = ? where name = ?",
                    (own.label or label, own.location, name),
                )


def _moved(name, driver, address, sources, taken):
    """(new name, source) of a UPS whose source is in the config no more, where another one has its address."""
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


def insert(connection, name, driver, source, address, label=""):
    """A new UPS, or the one that another program has just made; returns its number."""
    connection.execute(
        "insert into ups (name, driver, source, address, label) values (?, ?, ?, ?, ?) on conflict (name) do nothing",
        (name, driver, source, address, label or name),
    )
    return connection.execute("select id from ups where name = ?", (name,)).fetchone()[0]
