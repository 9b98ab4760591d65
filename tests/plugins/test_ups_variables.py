"""The page of a UPS: corrected and hidden variables, series, outlets and the battery's date."""

import json
import re
import time

import pytest

from ingest.config.model import GatewaySettings, NutServerSettings, UpsSettings
from ingest.db.connection import connect
from ingest.db.time import format_utc
from ingest.ups.corrections import VariableSettings
from plugins.web.pages.ups_outlets import find_outlets
from plugins.web.pages.ups_series import MOST_DRAWN, plan_series
from tests.plugins.site_helpers import ACCESS, links
from tests.plugins.ups_house import write_house

NUT = (NutServerSettings("closet", "127.0.0.1", ups=("rack", "desk")),)


@pytest.fixture
def house(make_site, tmp_path):
    """`house(ups={...}, variables={...})`: a site over two NUT UPSes and an EP20."""

    def make(**config):
        path = tmp_path / "house.db"
        if not path.exists():
            write_house(path, 3, 600)
        gateways = (GatewaySettings("main", tcp="main:5003"),)
        return make_site(access=ACCESS, gateways=gateways, nut=NUT, **config)

    return make


def write(site, sql, *rows):
    connection = connect(site.datasette.config.database)
    connection.executemany(sql, rows)
    connection.close()


def send(site, **variables):
    """Let the rack UPS report more."""
    rows = [(name, value, format_utc(time.time())) for name, value in variables.pop("also", {}).items()]
    write(
        site,
        "insert or replace into ups_variables (ups, variable, value, changed_at) values (1, ?, ?, ?)",
        *rows,
    )


def rack(**settings):
    return {"rack@closet": UpsSettings(**settings)}


def test_a_corrected_variable_is_shown_so_with_the_text_of_the_device(house):
    site = house(
        ups=rack(
            variables={
                "battery.voltage": VariableSettings(scale=0.15),
                "ups.temperature": VariableSettings(ignore=True),
                "input.voltage": VariableSettings(source="input.L1-N.voltage"),
                "ups.beeper.status": VariableSettings(label="Buzzer"),
                "ups.serial": VariableSettings(hide=True),
            }
        )
    )
    send(site, also={"battery.voltage": "91.3", "ups.temperature": "251", "input.L1-N.voltage": "231.5"})
    write(site, "delete from ups_variables where ups = ? and variable = 'input.voltage'", (1,))
    text = " ".join(site.page("/ups/rack@closet").replace("&#8239;", " ").split())
    assert '91.3 V <span class="minor">x 0.15: counts as 13.695 V</span>' in text
    assert "ups.temperature ignored" in text
    assert "input.voltage from input.L1-N.voltage: counts as 231.5 V" in text
    assert '>Buzzer</a> <span class="minor">ups.beeper.status</span>' in text
    assert "Left out by config.yml: ups.serial" in text and "G123" not in text
    assert "config.yml" not in site.page("/ups/desk@closet").partition("All variables")[2]


def test_what_is_said_of_all_ups_is_for_each_page_and_the_comparison(house):
    variables = {
        "ups.model": VariableSettings(label="Kind of box"),
        "ups.serial": VariableSettings(hide=True),
    }
    site = house(variables=variables)
    for page in ("/ups/rack@closet", "/ups/desk@closet", "/ups"):
        text = site.page(page)
        assert "Kind of box" in text and "4B1" not in text
    assert "Left out by config.yml: ups.serial" in site.page("/ups/desk@closet")


def test_a_limit_in_a_chart_is_the_corrected_one(house):
    site = house(ups=rack(variables={"input.transfer.low": VariableSettings(scale=1.1)}))
    assert "to battery below 202.4" in site.page("/ups/rack@closet?range=24+h")


def keep(site, *names, hours=0, step=300, value=50.0):
    """Series of the rack UPS: the last day as rows, and so many hours."""
    now = time.time()
    rows = [(name, format_utc(now - at), value + at % 7) for name in names for at in range(0, 86_400, step)]
    write(site, "insert into ups_figures (ups, variable, sampled_at, value) values (1, ?, ?, ?)", *rows)
    write(
        site,
        """insert into ups_figures_hourly (ups, variable, hour_at, samples, min, avg, max)
        values (1, ?, ?, 6, ?, ?, ?)""",
        *(
            (name, format_utc((now - hour * 3600) // 3600 * 3600), value - 1, value, value + 1)
            for name in names
            for hour in range(hours or 25)
        ),
    )


def test_series_are_charts_and_a_figure_of_the_history(house):
    site = house()
    assert "Temperature around it" not in site.page("/ups/rack@closet")
    keep(site, "ambient.temperature", "input.L1-N.voltage", "input.L2-N.voltage", "device.2.name.x")
    text = site.page("/ups/rack@closet?range=24+h")
    for title in ("Surroundings: Temperature around it", "Input voltage by phase", "device.2.name.x"):
        assert f'aria-label="{title}"' in text
    assert 'aria-label="Runtime left"' in text
    found = site.get(
        "/telemetry/ups_history.json?ups=rack@closet&figure=ambient.temperature&_shape=array&_size=max"
    ).json()
    assert len(found) > 250 and {row["figure"] for row in found} == {"ambient.temperature"}
    assert all(50 <= row["min"] <= row["avg"] <= row["max"] <= 57 for row in found)
    assert site.get("/telemetry/ups_history.json?figure=ambient.humidity&_shape=array").json() == []
    assert (
        site.get("/telemetry/ups_history.json?ups=desk@closet&figure=ambient.temperature&_shape=array").json()
        == []
    )
    for link in links(text):
        if "ups_history" in link:
            assert site.get(link).status_code in (200, 302), link


def test_the_history_of_a_long_time_is_that_of_the_hours(house):
    site = house()
    keep(site, "outlet.1.realpower", hours=70)
    found = site.get(
        "/telemetry/ups_history.json?ups=rack@closet&figure=outlet.1.realpower&range=7+d&_shape=array"
    ).json()
    assert 60 <= len(found) <= 71 and {(row["min"], row["avg"], row["max"]) for row in found} == {
        (49, 50, 51)
    }


def test_more_series_than_a_page_draws_are_links(house):
    names = [f"outlet.{n}.{what}" for n in range(1, 43) for what in ("current", "realpower")]
    charts, left = plan_series([*names, "ambient.temperature"], {})
    drawn = [name for chart in charts for name in chart.lines]
    assert drawn[0] == "ambient.temperature" and sorted(drawn + left) == sorted(
        [*names, "ambient.temperature"]
    )
    few, _ = plan_series(names[:8], {"outlet.1.current": "Router"})
    assert [(chart.title, len(chart.lines)) for chart in few] == [
        ("Power of outlets", 4),
        ("Current of outlets", 4),
    ]
    assert few[1].lines["outlet.1.current"] == "Router"
    assert sum(len(chart.lines) for chart in charts) <= MOST_DRAWN + 42


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (
            {"outlet.1.status": "on", "outlet.1.desc": "PowerShare Outlet 1"},
            [("Outlet 1", "PowerShare Outlet 1", "on", None)],
        ),
        ({"outlet.2.status": "Closed", "outlet.2.realpower": "162.00"}, [("Outlet 2", "", "on", (162, "W"))]),
        (
            {"outlet.0.status": "Off", "outlet.0.name": "a", "outlet.0.desc": "b"},
            [("Outlet 0", "a", "off", None)],
        ),
        ({"outlet.3.current": "0.40", "outlet.3.power": "90"}, [("Outlet 3", "", "", (90, "VA"))]),
        ({"outlet.3.current": "0.40"}, [("Outlet 3", "", "", (0.4, "A"))]),
        (
            {
                "outlet.group.1.name": "total",
                "outlet.group.1.realpower": "1701",
                "outlet.group.1.status": "OL",
                "outlet.12.desc": "x",
            },
            [("Outlet 12", "x", "", None), ("Group 1", "total", "OL", (1701, "W"))],
        ),
        ({"outlet.desc": "Main Outlet", "outlet.id": "1", "outlet.switchable": "no"}, []),
        ({"outlet.1.delay.start": "3", "outlet.1.id": "1"}, []),
        ({"outlet.-1.desc": "?"}, []),
    ],
)
def test_outlets_of_devices(texts, found):
    assert [(one.title, one.name, one.state, one.power) for one in find_outlets(texts, {})] == found


def test_outlets_on_the_page_with_their_listed_commands(house):
    site = house(
        ups=rack(
            commands=("outlet.1.load.off", "outlet.1.load.on", "beeper.toggle", "outlet.9.load.on"),
            variables={"outlet.1.desc": VariableSettings(label="Router")},
        )
    )
    send(
        site,
        also={
            "outlet.1.status": "on",
            "outlet.1.desc": "Outlet 1",
            "outlet.1.realpower": "120",
            "outlet.2.status": "off",
            "outlet.2.energy": "4200",
        },
    )
    keep(site, "outlet.1.realpower", value=100.0)
    text = site.page("/ups/rack@closet")
    card = text.partition('id="outlets-title"')[2].partition("</section>")[0]
    assert "Router" in card and "120" in card and "in 24 h" in card and "4200" in card
    assert (
        'value="outlet.1.load.off"' in card and 'value="outlet.1.load.on"' in card and "data-danger" in card
    )
    assert re.search(r"2[34]\d\d(\.\d)?\sWh", card)
    write(site, "delete from ups_samples_hourly where hour_at < strftime('%Y-%m-%dT%H', 'now')", ())
    write(site, "update ups_samples_hourly set covered_s = 36", ())  # recording began half a minute ago
    later = site.page("/ups/rack@closet").partition('id="outlets-title"')[2].partition("</section>")[0]
    assert re.search(r"\b1\sWh", later) and "in 36 s" in later
    rest = text.partition('id="orders-title"')[2]
    assert 'value="outlet.1.load.off"' not in rest and 'value="beeper.toggle"' in rest
    assert 'value="outlet.9.load.on"' in rest  # there is no such outlet: its button stays with the others
    assert 'id="outlets-title"' not in site.page("/ups/garage")


def test_the_date_of_the_device_is_the_age_where_nobody_entered_one(house):
    site = house()
    when = format_utc(time.time() - 400 * 86_400)
    write(site, "update ups set battery_reported_at = ? where id = 1", (when,))
    text = site.page("/ups/rack@closet")
    assert '1 y 1 month <span class="minor">from the device</span>' in text
    rows = {
        row["ups"]: row for row in site.get("/telemetry/battery_age.json?_shape=array").json() if row["ups"]
    }
    assert rows[1]["changed_from"] == "from the device" and rows[1]["months_since_change"] == pytest.approx(
        13.1, abs=0.1
    )
    health = site.get("/telemetry/battery_health.json?ups=rack@closet&_shape=array").json()[0]
    assert (health["changed_from"], health["battery_changed_at"]) == ("from the device", when)
    old = format_utc(time.time() - 6 * 365.25 * 86_400)
    write(site, "update ups set battery_reported_at = ? where id = 1", (old,))
    reasons = {
        row["name"]: row["reason"]
        for row in site.get("/telemetry/batteries_to_replace.json?_shape=array").json()
    }
    assert reasons["rack@closet"] == "changed 6 years ago"
    write(site, "insert into ups_battery_changes (ups, changed_at) values (1, ?)", (when,))
    [row] = site.get("/telemetry/ups_overview.json?name=rack@closet&_shape=array").json()
    assert (row["battery_changed_from"], row["battery_changed_at"]) == ("entered", when)
    assert (
        "from the device"
        not in site.page("/ups/rack@closet").partition('id="battery-title"')[2].partition("</dl>")[0]
    )


def test_events_of_phases_inputs_and_surroundings_have_words(house):
    site = house()
    now = format_utc(time.time() - 60)
    write(
        site,
        "insert into events (event, ups, started_at, detail, figures) values (?, 1, ?, ?, ?)",
        ("PHASE_LOST", now, "phase L2 lost: 3 V, 231 V on the others", json.dumps({"value": 3})),
        ("AMBIENT", now, "temperature around it above 40 °C: 43 °C", json.dumps({"value": 43})),
    )
    write(
        site,
        "insert into events (event, ups, started_at, ended_at, detail) values ('INPUT_SOURCE', 1, ?, ?, ?)",
        (now, now, "from input 2 to 1"),
    )
    [row] = site.get("/telemetry/ups_overview.json?name=rack@closet&_shape=array").json()
    assert (
        row["state"] == "Warning"
        and "phase L2 lost: 3 V" in row["reason"]
        and "above 40 °C: 43 °C" in row["reason"]
    )
    text = site.page("/ups/rack@closet")
    for words in ("a phase of the input lost", "fed by another input", "surroundings out of limits"):
        assert words in text
