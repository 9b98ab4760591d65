"""The query ups_battery_forecast, and what the pages of a UPS and of batteries show of it."""

import json
import re
import time

import pytest

from ingest.db.connection import connect
from ingest.db.time import format_utc
from tests.plugins.ups_house import rows

YEAR_S = 365.25 * 86_400


def add_past(site, ages_years, changed_years, full_s=lambda age: 4000.0):
    """Discharges of UPS 1 to 50 %, that long ago, of a battery that was changed before them."""
    now = time.time()
    connection = connect(site.datasette.config.database)
    for age in ages_years:
        start, seconds = now - age * YEAR_S, full_s(age) / 2
        figures = {
            "seconds": seconds,
            "covered_s": seconds,
            "samples": 200,
            "watts_avg": 240.0,
            "charge_start": 100,
            "lowest_charge": 50,
        }
        connection.execute(
            "insert into events (event, ups, started_at, ended_at, figures, complete) "
            "values ('ONBATT', 1, ?, ?, ?, 1)",
            (format_utc(start), format_utc(start + seconds), json.dumps(figures)),
        )
    connection.execute(
        "insert into ups_battery_changes (ups, changed_at) values (1, ?)",
        (format_utc(now - changed_years * YEAR_S),),
    )
    connection.close()


def test_a_forecast_on_the_pages_and_what_is_not_known_there(power):
    _, site = power(days=2, step=150)
    rack, desk, garage = rows(site, "ups_battery_forecast")
    assert {one["basis"] for one in (rack, desk, garage)} == {"no discharge yet"}
    assert rack["capacity"] is rack["replace_on"] is rack["runtime_s"] is rack["method"] is None
    assert rack["watts"] == pytest.approx(260, abs=20) and rack["device_runtime_s"] == 3600
    page = site.page("/ups/rack@closet?watts=200")
    assert "no discharge yet" in page and "Capacity against new" not in page and 'name="watts"' not in page
    for query in ("ups_battery_forecast", "battery_health"):
        counted = re.findall('<td class="col-counted[^>]*>([^<]*)', site.page(f"/telemetry/{query}"))
        assert [cell.strip() for cell in counted] == ["0", "0", "0"], "how many, which is no yes or no"

    add_past(site, (0.2, 2.9, 2.4, 1.8, 1.2, 0.7), 3.0, lambda age: 4000 * (0.75 + 0.25 * age / 3))
    rack = rows(site, "ups_battery_forecast", ups="rack@closet")[0]
    assert rack["capacity_low"] < 77 < rack["capacity_high"] and rack["counted"] == 6
    assert rack["low_days"] < rack["days_left"] < rack["high_days"] < 1500
    assert rack["replace_low_on"] < rack["replace_on"] < rack["replace_high_on"]
    # An import adds old outages after new ones.
    assert rack["basis"] == "6 discharges over 2.7 years at 240 W"
    assert rows(site, "battery_health", ups="rack@closet")[0]["first_full_s"] == 3800
    half = rows(site, "ups_battery_forecast", ups="rack@closet", watts="120")[0]
    assert half["device_runtime_s"] is None and half["watts"] == 120
    assert 1.9 < half["runtime_s"] / rack["runtime_s"] < 3
    assert half["capacity"] == rack["capacity"]

    page = site.page("/ups/rack@closet?watts=120&range=24+h").partition('id="battery"')[2]
    for phrase in ("Capacity against new", "Replace it", "Full charge at 120", 'value="24 h"', 'value="120"'):
        assert phrase in page, phrase
    assert "the UPS promises" not in page
    assert "the UPS promises 1 h" in site.page("/ups/rack@closet")
    assert "replace it " in site.page("/-/batteries").partition('id="ups-1"')[2].partition("</tr>")[0]
    connection = connect(site.datasette.config.database)
    connection.execute("update ups set test_verdict = 'failed' where id = 1")
    connection.close()
    assert "replace it at once: the last self-test failed" in site.page("/-/batteries")


def test_a_load_that_is_none_is_refused(power):
    _, site = power(days=1, step=300)
    for watts in ("nan", "0", "-5", "1e9", "many", "9" * 400):
        response = site.get(f"/ups/rack@closet?watts={watts}")
        assert response.status_code == 400 and "such as 200" in response.text, watts
        answer = site.get(f"/telemetry/ups_battery_forecast.json?watts={watts}")
        assert answer.status_code == 400 and "such as 200" in answer.text, watts
