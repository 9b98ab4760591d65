"""Tariffs that users enter: what is refused, which one counts, and that those of the config stay theirs."""

import pytest

from ingest.db.connection import connect, transaction
from ingest.ups.registry import insert
from ingest.ups.tariffs import FIRST_ENTERED, TariffRow, save_tariffs
from tests.plugins.site_helpers import bearer

CONFIG = [TariffRow("2026-01-01", None, "", "", 0.3, "EUR"), TariffRow(None, None, "", "", 0.2, "EUR")]


@pytest.fixture
def priced(site):
    """A site whose config has two tariffs."""
    save(site, CONFIG)
    return site


def save(site, rows):
    connection = connect(site.datasette.config.database)
    save_tariffs(connection, rows)
    connection.close()


def add(site, **fields):
    fields = {"price_per_kwh": "0,45", "currency": "EUR", **fields}
    return site.post("/-/tariffs", json=fields, headers=bearer())


def prices(site):
    return site.rows("select id, price_per_kwh from tariffs order by id")


def test_an_entered_tariff_stands_beside_those_of_the_config(priced):
    answer = add(priced, hours="7-23", days="mon-fri", to="2999-12-31", **{"from": "2026-02-01"})
    assert answer.status_code == 201 and answer.json()["tariff"] == FIRST_ENTERED
    row = priced.rows("select * from tariffs where id = 1000000")[0]
    assert row[1:4] == ("2026-02-01", "2999-12-31", ",".join(f"{hour:02d}" for hour in range(7, 23)))
    assert row[4:7] == ("mon,tue,wed,thu,fri", 0.45, "EUR") and row[-1] == "bot"
    assert prices(priced) == [(1, 0.3), (2, 0.2), (FIRST_ENTERED, 0.45)]
    save(priced, [CONFIG[0]._replace(price_per_kwh=0.35)])  # the config changes: the entered one stays
    assert prices(priced) == [(1, 0.35), (FIRST_ENTERED, 0.45)]
    connection = connect(priced.datasette.config.database)
    insert(connection, "rack@closet", "nut", "closet", "x/rack", "Rack")
    connection.execute("update ups set configured = 1")
    connection.close()
    page = priced.login().page("/energy")
    assert f'action="/-/tariffs/{FIRST_ENTERED}/delete"' in page and 'action="/-/tariffs"' in page
    assert 'action="/-/tariffs/1/delete"' not in page


def test_from_today_unless_given(priced):
    assert add(priced).status_code == 201
    assert priced.rows("select valid_from = date('now') from tariffs where set_at is not null") == [(1,)]


def test_one_is_deleted_but_none_of_the_config(priced):
    number = add(priced).json()["tariff"]
    refused = priced.post("/-/tariffs/1/delete", headers=bearer())
    assert refused.status_code == 409 and "config.yml" in refused.json()["errors"][0]
    assert priced.post(f"/-/tariffs/{number}/delete", headers=bearer()).is_success
    assert prices(priced) == [(1, 0.3), (2, 0.2)]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"price_per_kwh": "cheap"}, "price_per_kwh"),
        ({"price_per_kwh": "-1"}, "price_per_kwh"),
        ({"price_per_kwh": "1e3"}, "price_per_kwh"),
        ({"price_per_kwh": "99999"}, "price_per_kwh"),
        ({"currency": "Euros"}, "currency"),
        ({"currency": ""}, "currency"),
        ({"from": "2026-02-30"}, "from"),
        ({"from": "2026-02-02", "to": "2026-02-01"}, "to"),
        ({"hours": "25-26"}, "hours"),
        ({"hours": "1-2," * 20}, "hours"),
        ({"days": "someday"}, "days"),
    ],
)
def test_what_is_wrong_is_told_with_its_field(priced, fields, field):
    answer = add(priced, **fields)
    assert answer.status_code == 400 and answer.json()["field"] == field
    assert len(prices(priced)) == 2


def test_there_is_a_cap(priced):
    connection = connect(priced.datasette.config.database)
    with transaction(connection):
        connection.executemany(
            "insert into tariffs (id, price_per_kwh, currency, set_at) values (?, 1, 'EUR', 'x')",
            [(FIRST_ENTERED + number,) for number in range(100)],
        )
    connection.close()
    assert add(priced).status_code == 409
