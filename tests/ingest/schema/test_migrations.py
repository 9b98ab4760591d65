"""Files of earlier versions: their migrations are known by name, and a new file has the same tables."""

import hashlib
from contextlib import closing

import pytest
from sqlite_utils import Database

from ingest.config.model import Config
from ingest.daemon import run_ingest
from ingest.db.connection import connect
from ingest.schema.migrate import NewerDatabaseError, migrate, migrations, own_version, version_number
from plugins.web.app.server import run_web

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


def later(path, version=0):
    """A file in which a later version has done something."""
    migrate(path)
    with closing(connect(path)) as connection:
        connection.execute(
            "insert into _sqlite_migrations (migration_set, name, applied_at) values ('voltkeeper', 'x', '')"
        )
        if version:
            connection.execute(f"pragma user_version = {version}")


@pytest.mark.parametrize(
    ("version", "needed"),
    [
        (version_number("7.12.3"), "needs 7.12.3,"),
        (version_number("99.0"), "needs 99.0.0,"),
        (0, "needs a version after "),
    ],
)
def test_a_file_of_a_later_version_is_refused_and_stays_as_it_is(tmp_path, version, needed):
    path = tmp_path / "telemetry.db"
    later(path, version)
    before = path.read_bytes()
    with pytest.raises(NewerDatabaseError, match=needed) as caught:
        migrate(path)
    assert "restore a copy" in str(caught.value) and str(path) in str(caught.value)
    assert path.read_bytes() == before


def test_ingest_and_the_site_refuse_a_file_of_a_later_version_for_good(tmp_path, caplog):
    path = tmp_path / "telemetry.db"
    later(path, version_number("7.12.3"))
    config = Config(database=path, timezone="UTC")
    assert run_ingest(config) == 2
    assert run_web(config) == 2
    assert caplog.text.count("it needs 7.12.3") == 2


def test_a_file_names_the_version_that_changed_its_tables_last(connection):
    assert connection.execute("pragma user_version").fetchone()[0] == version_number(own_version())


def test_versions_rise_as_numbers():
    texts = ["", "0.1.0", "0.1.1", "0.2", "0.10.0", "1.0.0", "1.0.1rc1", "12.3.45"]
    numbers = [version_number(text) for text in texts]
    assert numbers == sorted(set(numbers))
