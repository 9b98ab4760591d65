"""How the SQLite file is made and brought up to date."""

import re
import sqlite3
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sqlite_utils import Database, Migrations

from ingest.db.connection import connect, transaction
from ingest.db.files import make_private
from ingest.db.locks import lock_file
from ingest.errors import VoltkeeperError
from ingest.schema import (
    acknowledgements,
    alerts,
    battery,
    clock,
    dashboards,
    dropped,
    firmware_descriptions,
    forecasts,
    gateways,
    imports,
    labels,
    maintenance,
    mqtt,
    mysensors,
    node_replacements,
    ota,
    ota_commands,
    payloads,
    plans,
    publishing,
    radio_links,
    saved_queries,
    sessions,
    settings,
    silence,
    site,
    sleep,
    spool,
    tariffs,
    ups,
    ups_clients,
    ups_minutes,
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
    clock.clock_state,
    spool.batch_ids,
    sessions.sessions,
    sessions.counted_refusals,
    dropped.dropped,
    clock.clock_stretches,
    battery.voltage_levels,
    dashboards.dashboards,
    tariffs.tariffs_of_pages,
    alerts.alerts,
    alerts.kept_reports,
    alerts.followed_events,
    maintenance.job_register,
    acknowledgements.several_acknowledgements,
    alerts.carried_deliveries,
    site.site_key,
    publishing.publish_cursor,
    forecasts.battery_forecasts,
    saved_queries.saved_queries,
    mqtt.mqtt,
    mqtt.mqtt_sessions,
    plans.plans,
    battery.battery_daily,
    ups_minutes.ups_minutes,
    forecasts.courses,
):
    migrations()(migration)


class NewerDatabaseError(VoltkeeperError, sqlite3.DatabaseError):
    """The file has tables of a later version of this program, which this one would write wrongly."""


PAGE_SIZE = 1024  # a small commit then writes a third of what it writes with pages of 4096


def migrate(path: Path | str, views: Mapping[str, str] = VIEWS) -> None:
    """Make the file if there is none and bring tables and views up to date.

    Safe to call from several programs at once: a lock file beside the database lets one at a time in.
    Raises NewerDatabaseError, before anything is written; OSError; sqlite3.Error.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with lock_file(path.with_name(path.name + ".lock")):
        make_private(path)
        connection = connect(path)
        try:
            database = Database(connection)
            if newer := newer_version(connection):
                raise NewerDatabaseError(refusal(path, newer))
            if connection.execute("pragma page_count").fetchone()[0] == 0:
                connection.execute(f"pragma page_size = {PAGE_SIZE}")
                connection.execute("pragma auto_vacuum = incremental")
            if connection.execute("pragma journal_mode").fetchone()[0] != "wal":
                connection.execute("pragma journal_mode = wal")
            if migrations.pending(database):
                migrations.apply(database)
                _note_version(connection)
            _refresh_views(connection, views)
        finally:
            connection.close()


def newer_version(connection: sqlite3.Connection) -> str:
    """Return which version of the program a file needs, as text; '' where this one will do.

    The file's `user_version` is that of the last program that changed its tables.
    """
    applied = {migration.name for migration in migrations.applied(Database(connection))}
    if applied <= {migration.name for migration in migrations.pending(Database(memory=True))}:
        return ""
    number = connection.execute("pragma user_version").fetchone()[0]
    if number <= version_number(own_version()):
        return f"a version after {own_version() or 'this one'}"
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"


def refusal(path: Path, newer: str) -> str:
    """Return what it means that a file needs a `newer_version`, with the remedy."""
    return (
        f"{path} was written by a newer Voltkeeper: it needs {newer}, this is {own_version() or 'older'}. "
        "Install that version, or restore a copy from before the update"
    )


def own_version() -> str:
    """Return the version of the installed program, '' where it is not installed."""
    try:
        return version("voltkeeper")
    except PackageNotFoundError:
        return ""


def version_number(text: str) -> int:
    """Return a version `X.Y.Z` as one number that rises with it, as `user_version` holds it; 0 for none."""
    match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    if match is None:
        return 0
    major, minor, patch = (min(int(part or 0), 999) for part in match.groups())
    return (major * 1000 + minor) * 1000 + patch


def _note_version(connection: sqlite3.Connection) -> None:
    number = max(connection.execute("pragma user_version").fetchone()[0], version_number(own_version()))
    connection.execute(f"pragma user_version = {number}")


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
