"""Numbers of gateways (`gateways.id`): kept whatever changes in the config around a gateway."""

import sqlite3
from collections.abc import Mapping, Sequence

from ingest.db.connection import transaction


def note_units(connection: sqlite3.Connection, metric: Mapping[str, bool]) -> None:
    """Keep for views which gateways, by name, work in metric units."""
    with transaction(connection):
        connection.executemany(
            "update gateways set metric = ?1 where name = ?2 and metric is not ?1",
            [(int(is_metric), name) for name, is_metric in metric.items()],
        )


def number_gateways(connection: sqlite3.Connection, gateways: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Give each configured gateway its row and return its number by name.

    `gateways` are (name, address) pairs in the order of the config. A known name keeps its number; a new name
    at the address of a gateway that is no longer in the config is that one, renamed; any other one gets the
    next number.
    """
    with transaction(connection):
        known = {
            name: (number, address)
            for number, name, address in connection.execute(
                "select id, name, address from gateways order by id"
            )
        }
        wanted = {name for name, _ in gateways}
        left = {address: name for name, (_, address) in known.items() if name not in wanted}
        connection.execute("update gateways set configured = 0")
        for name, address in gateways:
            if name not in known and address in left:
                known[name] = known.pop(left.pop(address))
            number = known[name][0] if name in known else 1 + max((n for n, _ in known.values()), default=-1)
            known[name] = (number, address)
            connection.execute(
                "insert into gateways (id, name, address) values (?, ?, ?) on conflict (id) do update "
                "set name = excluded.name, address = excluded.address, configured = 1",
                (number, name, address),
            )
    return {name: known[name][0] for name, _ in gateways}


def mark_id_givers(connection: sqlite3.Connection, gives_ids: Mapping[int, bool]) -> None:
    """Note of each gateway (its number) whether its nodes get their ids from this program."""
    with transaction(connection):
        connection.executemany(
            "update gateways set gives_ids = ?2 where id = ?1 and gives_ids <> ?2",
            [(number, int(gives)) for number, gives in gives_ids.items()],
        )
