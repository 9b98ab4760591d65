"""Files of earlier versions: their migrations are known by name, and a new file has the same tables."""

import hashlib

import pytest
from sqlite_utils import Database

from ingest.db.connection import connect
from ingest.schema.migrate import migrate, migrations

# What version 0.1 wrote into `_sqlite_migrations`, in this order. Later ones are added behind these.
NAMES_0_1 = (
    "mysensors",
    "ups",
    "ota",
    "keeping",
    "imports",
    "ups_orders",
    "sent_orders",
    "imports_of_samples",
)
# Of the SQL of every table, index and trigger that these make, as a file of 0.1 holds it.
SCHEMA_0_1 = "eed73d89b0ebc916fae47b177807d725ba6dafb837a7fab8e7afff005775c1f4"


@pytest.fixture
def connection(tmp_path):
    migrate(tmp_path / "telemetry.db")
    connection = connect(tmp_path / "telemetry.db")
    yield connection
    connection.close()


def test_the_migrations_of_earlier_versions_keep_their_set_names_and_order(connection):
    rows = connection.execute("select migration_set, name from _sqlite_migrations order by id").fetchall()
    assert rows[: len(NAMES_0_1)] == [("voltkeeper", name) for name in NAMES_0_1]


def test_in_a_file_of_an_earlier_version_nothing_is_pending_but_later_migrations():
    old = Database(memory=True)
    migrations.ensure_migrations_table(old)
    for name in NAMES_0_1:
        old.table("_sqlite_migrations").insert(
            {"migration_set": "voltkeeper", "name": name, "applied_at": "2026-11-01 00:00:00.000000+00:00"}
        )
    every = [migration.name for migration in migrations.pending(Database(memory=True))]
    assert [migration.name for migration in migrations.pending(old)] == every[len(NAMES_0_1) :]


def test_the_migrations_of_earlier_versions_make_the_tables_that_they_always_made():
    made = Database(memory=True)
    later = [migration.name for migration in migrations.pending(made)][len(NAMES_0_1) :]
    migrations.apply(made, stop_before=later)
    assert _fingerprint(made.conn) == SCHEMA_0_1


def _fingerprint(connection):
    rows = connection.execute(
        "select type, name, sql from sqlite_master where type <> 'view' and sql is not null "
        "and name not like '\\_sqlite%' escape '\\' and tbl_name not like '\\_sqlite%' escape '\\' "
        "order by type, name"
    ).fetchall()
    return hashlib.sha256("\n".join(" ".join(row) for row in rows).encode()).hexdigest()
