"""A migration while the site runs: a newer `voltkeeper ingest` changes tables under a site that goes on."""

from contextlib import closing

import pytest

from ingest.db.connection import connect
from ingest.schema.migrate import migrate
from ingest.schema.overview import VIEWS

PATHS = ("/", "/telemetry", "/telemetry/nodes", "/telemetry/nodes.json?_shape=array", "/-/pulse.json", "/ups")
VIEW = "select id, name from nodes order by id"


@pytest.fixture(scope="module")
def running(module_site):
    site = module_site()
    for path in PATHS:
        assert site.get(path).status_code == 200, path
    return site


def change(site, *statements):
    with closing(connect(site.datasette.config.database)) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(
    "statements",
    [
        ("create table of_later (id integer primary key, node integer references nodes(id))",),
        ("insert into of_later (node) values (1)", "alter table of_later add column note text"),
        ("create trigger noted after insert on of_later begin select 1; end",),
        ("drop table of_later",),
    ],
    ids=lambda statements: statements[-1].partition(" of_later")[0],
)
def test_a_changed_schema_is_served_by_the_next_request(running, statements):
    change(running, *statements)
    for path in PATHS:
        assert running.get(path).status_code == 200, path


def test_new_tables_and_views_are_listed_and_shown(running):
    change(running, "create table of_a_migration (id integer primary key, node references nodes(id))")
    change(running, "insert into of_a_migration (node) values (1)")
    migrate(running.datasette.config.database, {**VIEWS, "named_nodes": VIEW})
    assert "/telemetry/of_a_migration" in running.page("/telemetry")
    assert running.get("/telemetry/of_a_migration.json?_shape=array").json() == [{"id": 1, "node": 1}]
    shown = running.get("/telemetry/named_nodes.json?_shape=array").json()
    assert [tuple(row.values()) for row in shown] == running.rows(VIEW)
    migrate(running.datasette.config.database)
    assert running.get("/telemetry/named_nodes").status_code == 404
    assert running.get("/telemetry/nodes").status_code == 200
