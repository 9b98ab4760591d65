"""How the SQLite file is made and brought up to date."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from sqlite_utils import Database, Migrations

from ingest.db.connection import connect, transaction
from ingest.db.locks import lock_file
from ingest.schema import (
    acknowledgements,
    battery,
    firmware_descriptions,
    gateways,
    imports,
    labels,
    maintenance,
    mysensors,
    node_replacements,
    ota,
    ota_commands,
    payloads,
    radio_links,
    settings,
    silence,
    sleep,
    ups,
    ups_clients,
    ups_rules,
    verdicts,
    wanted,
)
from ingest.schema.overview import VIEWS

# The name of the set and the names of the migrations, which are those of the functions, are keys in the table
# `_sqlite_migrations` of every file: they and their order stay as they are.
migrations = Migrations("voltkeeper")
for migration in (
    mysensors.mysensors,
    ups.ups,
    ota.ota,
    maintenance.keeping,
    imports.imports,
    ups.ups_orders,
    mysensors.sent_orders,
    imports.imports_of_samples,
    ups.ups_field,
    ups_clients.ups_clients,
    ups.ups_series,
    acknowledgements.acknowledgements,
    ups_rules.ups_rules,
    ups.ups_charge_basis,
    wanted.wanted,
    firmware_descriptions.firmware_descriptions,
    settings.settings,
    payloads.payload_bytes,
    payloads.values_by_type,
    battery.battery_refusals,
    gateways.given_ids,
    gateways.gateway_answers,
    gateways.refused_connections,
    verdicts.verdicts,
    labels.labels,
    sleep.sleep_windows,
    ota_commands.followed_commands,
    silence.node_gaps,
    radio_links.radio_links,
    node_replacements.node_replacements,
):
    migrations()(migration)

PAGE_SIZE = 1024  # a small commit then writes a third of what it writes with pages of 4096


def migrate(path: Path | str, views: Mapping[str, str] = VIEWS) -> None:
    """Make the file if there is none and bring tables and views up to date.

    Safe to call from several programs at once: a lock file beside the database lets one at a time in.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with lock_file(path.with_name(path.name + ".lock")):
        connection = connect(path)
        try:
            if connection.execute("pragma page_count").fetchone()[0] == 0:
                connection.execute(f"pragma page_size = {PAGE_SIZE}")
                connection.execute("pragma auto_vacuum = incremental")
            if connection.execute("pragma journal_mode").fetchone()[0] != "wal":
                connection.execute("pragma journal_mode = wal")
            migrations.apply(Database(connection))
            _refresh_views(connection, views)
        finally:
            connection.close()


def _refresh_views(connection: sqlite3.Connection, views: Mapping[str, str]) -> None:
    """Make the views again where the file holds other ones; drop those that are no more."""
    wanted = {name: f"create view {name} as {sql.strip()}" for name, sql in views.items()}
    held = dict(connection.execute("select name, sql from sqlite_master where type = 'view'"))
    if {name: _squeeze(sql) for name, sql in held.items()} == {n: _squeeze(sql) for n, sql in wanted.items()}:
        return
    with transaction(connection):
        for name in held:
            connection.execute(f"drop view [{name}]")
        for sql in wanted.values():
            connection.execute(sql)


def _squeeze(sql: str) -> str:
    return " ".join(sql.lower().split())
