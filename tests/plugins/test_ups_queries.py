"""Figures of the queries about UPSes, against independent sums of the samples."""

import itertools
import json
import random
import re
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ingest.db.connection import connect
from ingest.db.time import format_utc
from ingest.ups.status import STATUS, TEST_WORDS, describe_status, status_severity, status_tokens
from reporting.energy import totals
from tests.plugins.ups_house import UPSES, integral, rows

ROME = ZoneInfo("Europe/Rome")
EVERYWHERE = (20, 125, UPSES)


def test_energy_counts_the_samples_and_fills_no_gaps(power):
    house, site = power(outages=[EVERYWHERE], gaps=[(30, 7200), (5, 600)])
    found = rows(site, "energy_by_day", range="10 d")
    for name in UPSES:
        kwh, _, covered = integral(house.samples[name], 60)
        own = [row for row in found if row["name"] == name]
        assert sum(row["kwh"] for row in own) == pytest.approx(kwh, rel=1e-3)
        assert sum(row["covered_s"] for row in own) == pytest.approx(covered, abs=5)
        assert sum(row["uncovered_s"] for row in own) == pytest.approx(7200 + 600, abs=200)
    house_rows = [row for row in found if row["name"] == "House"]
    assert sum(row["kwh"] for row in house_rows) == pytest.approx(
        sum(row["kwh"] for row in found) / 2, rel=1e-3
    )
    assert {row["name"] for row in rows(site, "energy_by_day", ups="garage")} == {"garage"}
    assert all(row["cost"] is None and row["unpriced_kwh"] == row["kwh"] for row in found)


def test_a_period_without_data_is_shown_and_empty(power):
    _, site = power(
        days=4, now=datetime(2026, 11, 18, 15, 20, tzinfo=UTC).timestamp(), gaps=[(60, 48 * 3600)]
    )
    found = rows(site, "energy_by_day", ups="garage", since="2026-11-14", until="2026-11-18")
    empty = [row for row in found if row["kwh"] is None]
    assert [row["period"] for row in empty] == ["2026-11-17"] and all(
        row["covered_s"] == 0 and row["uncovered_s"] == 86_400 and row["coverage"] == 0 for row in empty
    )


def test_tariffs_change_at_local_hours_days_and_dates(power):
    now = datetime(2026, 11, 18, 15, 20, tzinfo=ROME).timestamp()
    tariffs = (
        (None, None, "", "", 0.30, "EUR"),
        (None, None, "22,23,00,01,02,03,04,05", "", 0.10, "EUR"),
        ("2026-11-17", None, "", "", 0.50, "EUR"),
        ("2026-11-17", None, "", "tue", 0.70, "EUR"),
        ("2026-11-17", "2026-11-17", "13", "tue", 1.00, "EUR"),
    )

    def price(at):
        local = datetime.fromtimestamp(at, ROME)
        if local.day >= 17:
            tuesday = local.weekday() == 1
            return 1.00 if tuesday and local.hour == 13 else 0.70 if tuesday else 0.50
        return 0.10 if local.hour >= 22 or local.hour < 6 else 0.30

    house, site = power(timezone="Europe/Rome", now=now, tariffs=tariffs)
    found = rows(site, "energy_by_day", ups="rack@closet", since="2026-11-01", until="2026-11-19")
    _, money, _ = integral(house.samples["rack@closet"], 60, price)
    assert sum(row["cost"] for row in found) == pytest.approx(money, rel=2e-3)
    assert {row["currency"] for row in found} == {"EUR"} and not any(row["unpriced_kwh"] for row in found)


def test_hours_without_a_tariff_and_currencies_that_differ(power):
    today = datetime.now(ZoneInfo("UTC")).date()
    tariffs = (
        (None, str(today - timedelta(days=2)), "", "", 1.0, "EUR"),
        (str(today), None, "", "", 2.0, "CHF"),
    )
    _, site = power(tariffs=tariffs)
    found = {row["period"]: row for row in rows(site, "energy_by_day", ups="garage", per="day", range="4 d")}
    between = found[str(today - timedelta(days=1))]
    assert between["cost"] is None and between["unpriced_kwh"] == between["kwh"] > 1
    assert found[str(today)]["currency"] == "CHF"
    year = [row for row in rows(site, "energy_by_day", ups="garage", per="year") if row["kwh"]]
    assert {row["currency"] for row in year} <= {"several", "EUR", "CHF"}
    house = totals(rows(site, "energy_by_day", per="day", range="4 d"))["House"]
    assert (house.cost, house.currency) == (None, "several") and "several currencies" in site.page(
        "/energy?range=4+d"
    ).partition("<tfoot>")[2]


@pytest.mark.parametrize(("date", "hours"), [("2026-10-25", 25), ("2026-03-29", 23)])
def test_days_of_23_and_25_hours(power, date, hours):
    midnight = datetime.fromisoformat(date).replace(tzinfo=ROME)
    house, site = power(timezone="Europe/Rome", now=midnight.timestamp() + 2 * 86_400, days=3, step=120)
    day = {
        row["period"]: row
        for row in rows(site, "energy_by_day", ups="garage", since="2026-01-01", until="2026-12-31")
    }[date]
    assert day["covered_s"] + day["uncovered_s"] == pytest.approx(hours * 3600, abs=1)
    start = midnight.timestamp()
    inside = [sample for sample in house.samples["garage"] if start <= sample[0] <= start + hours * 3600]
    assert day["kwh"] == pytest.approx(integral(inside, 120)[0], rel=5e-3)
    by_hour = rows(
        site, "energy_by_day", ups="garage", per="hour", since=f"{date} 00:00", until=f"{date} 23:59:59"
    )
    assert len(by_hour) == hours == len({row["period"] for row in by_hour})
    assert sum(row["kwh"] for row in by_hour) == pytest.approx(day["kwh"], rel=1e-3)


def test_weeks_months_and_years_add_up(power):
    _, site = power(days=5)
    sums = {
        per: sum(row["kwh"] or 0 for row in rows(site, "energy_by_day", ups="garage", per=per, range="1 y"))
        for per in ("day", "week", "month", "year")
    }
    assert all(value == pytest.approx(sums["day"], rel=1e-3) for value in sums.values())


def test_a_history_has_at_most_500_points(power):
    _, site = power(days=9, step=20)
    for span in ("10 min", "1 h", "5 h", "24 h", "2 d", "3 d", "4 d", "7 d", "30 d", "90 d", "1 y", "50 y"):
        for ups in ("", "garage"):
            found = rows(site, "ups_history", range=span, ups=ups, figure="watts")
            assert 1 <= len(found) <= 500, (span, ups)
            assert {row["name"] for row in found} == ({ups} if ups else set(UPSES))


def test_buckets_keep_average_least_and_greatest(power):
    house, site = power(days=2, step=20, outages=[EVERYWHERE])
    found = rows(site, "ups_history", ups="garage", figure="watts", range="2 d")
    assert sum(row["samples"] for row in found) == pytest.approx(len(house.samples["garage"]), abs=20)
    for row in found[1:-1]:
        start = datetime.fromisoformat(row["at"]).timestamp()
        values = [watts for at, watts, _ in house.samples["garage"] if start <= at < start + row["bucket_s"]]
        assert (row["samples"], row["min"], row["max"]) == (len(values), min(values), max(values))
        assert row["avg"] == pytest.approx(sum(values) / len(values), abs=0.01)
    volts = rows(site, "ups_history", ups="garage", range="2 d")
    assert min(row["min"] for row in volts) == 0 and volts[0]["figure"] == "input_voltage"


def test_the_seam_between_samples_and_hours_does_not_show(power):
    house, site = power(days=4, step=60)
    cut = format_utc(house.now - 30 * 3600)
    connection = connect(site.datasette.config.database)
    connection.execute("delete from ups_samples where sampled_at < ?", (cut,))
    connection.close()
    found = rows(site, "ups_history", ups="garage", figure="watts", range="2 d")
    times = [datetime.fromisoformat(row["at"]).timestamp() for row in found]
    assert max(after - before for before, after in itertools.pairwise(times)) <= 3600
    assert times[0] <= house.now - 47 * 3600 and times == sorted(set(times))
    hours = rows(site, "ups_history", ups="garage", figure="watts", range="4 d")
    assert max(row["bucket_s"] for row in hours) == 3600 and len(hours) >= 95
    assert sum(r["avg"] for r in found) / len(found) == pytest.approx(
        sum(r["avg"] for r in hours) / len(hours), rel=0.05
    )


@pytest.mark.parametrize("past_the_hour_s", [30, 1800, 3570])
def test_days_with_pruned_samples_end_at_the_given_time(power, past_the_hour_s):
    house, site = power(days=6, step=60, now=time.time() // 3600 * 3600 - 3600 + past_the_hour_s)
    span = {"since": format_utc(house.now - 5 * 86400), "until": format_utc(house.now - 4 * 86400)}
    before = rows(site, "ups_history", ups="garage", figure="watts", **span)
    connection = connect(site.datasette.config.database)
    connection.execute("delete from ups_samples where sampled_at < ?", (format_utc(house.now - 86400),))
    connection.close()
    found = rows(site, "ups_history", ups="garage", figure="watts", **span)
    assert 24 <= len(found) <= 25
    assert max(before[-1]["at"], found[-1]["at"]) < span["until"]
    assert sum(r["avg"] for r in found) / len(found) == pytest.approx(
        sum(r["avg"] for r in before) / len(before), rel=0.05
    )


def test_a_gap_leaves_no_point(power):
    house, site = power(days=2, gaps=[(10, 3600)])
    for row in rows(site, "ups_history", ups="garage", range="1 d"):
        at = datetime.fromisoformat(row["at"]).timestamp()
        assert not house.now - 10 * 3600 + row["bucket_s"] <= at < house.now - 9 * 3600 - row["bucket_s"]


def test_outages_at_several_upses_are_mains_outages(power):
    _, site = power(outages=[EVERYWHERE, (10, 60, ("rack@closet",)), (5, 60, ("desk@closet", "garage"))])
    found = rows(site, "outages_report")
    assert len(found) == 6
    shown = {(row["name"], row["seconds"]): (row["cause"], row["with_ups"]) for row in found}
    assert shown["rack@closet", 60.0] == ("this UPS alone", None)
    assert shown["garage", 125.0] == ("mains", "rack@closet,desk@closet")
    assert shown["desk@closet", 60.0] == ("mains", "garage")
    assert [row["name"] for row in rows(site, "outages_report", ups="desk@closet")] == ["desk@closet"] * 2
    assert rows(site, "outages_report", range="1 h") == []


def test_an_open_outage_is_in_every_range(power):
    _, site = power(outages=[], open_outage=(7200, ("rack@closet",)))
    (row,) = rows(site, "outages_report", range="1 h")
    assert row["ended_at"] is None and row["seconds"] == pytest.approx(7200, abs=30)


def test_batteries_are_assessed_by_discharges_only(power):
    _, site = power(
        outages=[(40, 1000, ("rack@closet",)), (10, 900, ("rack@closet",)), (5, 20, ("desk@closet",))]
    )
    rack, desk, garage = rows(site, "battery_health")
    assert rack["counted"] == 2 and rack["capacity"] == pytest.approx(100, abs=5)
    assert rack["promise_kept"] == pytest.approx(4000 / 36, abs=3) and rack["first_full_s"] == pytest.approx(
        4000, rel=0.05
    )
    assert (
        desk["discharges"] == "no discharge yet" and desk["not_counted"] == 1 and "samples" in desk["why_not"]
    )
    assert (
        garage["discharges"] == "no discharge yet"
        and garage["capacity"] is None
        and garage["promise_kept"] is None
    )
    connection = connect(site.datasette.config.database)
    connection.execute(
        "insert into ups_battery_changes (ups, changed_at) values (1, ?)", (format_utc(time.time()),)
    )
    connection.close()
    assert rows(site, "battery_health")[0]["discharges"] == "no discharge yet"


def test_quality_of_the_mains_by_day(power):
    house, site = power(days=2, outages=[(30, 600, ("desk@closet",))])
    connection = connect(site.datasette.config.database)
    for lowest, highest in ((170, 175), (283, 290)):
        figures = json.dumps({"low": 176, "high": 282, "lowest": lowest, "highest": highest})
        connection.execute(
            "insert into events (event, ups, started_at, figures) values ('VOLTAGE', 2, ?, ?)",
            (format_utc(house.now - 60), figures),
        )
    connection.close()
    found = [row for row in rows(site, "power_quality") if row["name"] == "desk@closet"]
    assert sum(row["sags"] for row in found) == 1 and sum(row["swells"] for row in found) == 1
    assert sum(row["outages"] for row in found) == 1 and min(row["lowest_voltage"] for row in found) == 0
    assert sum(row["on_battery_s"] for row in found) == pytest.approx(600, abs=70)
    hours = site.rows("select sum(boost_s) / 60 from ups_samples_hourly where ups = 2")[0][0]
    assert sum(row["boost_min"] for row in found) == pytest.approx(hours, rel=0.01)
    whole = rows(site, "power_quality", ups="desk@closet", per="whole")[0]
    assert (
        whole["lowest_voltage"] == 0
        and 225 < whole["lowest_on_mains"] < whole["voltage_avg"] < whole["highest_voltage"]
    )
    quiet = site.rows(
        "select avg(input_voltage), min(input_voltage) from ups_samples where ups = 2 and input_voltage > 0"
    )[0]
    assert whole["voltage_avg"] == pytest.approx(quiet[0], abs=0.1) and whole[
        "lowest_on_mains"
    ] == pytest.approx(quiet[1], abs=1.5)


def test_coverage_shows_gaps_and_polls(power):
    house, site = power(days=3, gaps=[(20, 7200)], stale=("desk@closet",))
    found = rows(site, "monitoring_coverage")
    garage = [row for row in found if row["name"] == "garage"]
    assert sum(row["uncovered_s"] for row in garage) == pytest.approx(7200, abs=180)
    assert sum(row["polls_ok"] for row in garage) == pytest.approx(len(house.samples["garage"]), abs=10)
    assert not any(row["failures"] for row in garage)
    desk = [row for row in found if row["name"] == "desk@closet"]
    assert sum(row["polls_failed"] for row in desk) == pytest.approx(119, abs=2)
    assert any("stale" in (row["failures"] or "") for row in desk)


def test_upses_side_by_side_have_a_column_each(power):
    _, site = power()
    found = {row["variable"]: row for row in rows(site, "ups_compare")}
    assert next(iter(found)) == "ups.status" and set(UPSES) <= set(found["ups.status"])
    low = found["battery.charge.low"]
    assert (low["label"], low["unit"], low["rack@closet"], low["garage"], low["differs"]) == (
        "Low below",
        "%",
        "20",
        None,
        1,
    )
    assert found["battery.type"]["differs"] == 0
    assert set(rows(site, "ups_compare", differing="1")[0]) == set(low)
    assert {row["variable"] for row in rows(site, "ups_compare", variable="transfer")} == {
        "input.transfer.low",
        "input.transfer.high",
    }


def test_a_ups_of_any_name_has_a_column(power):
    _, site = power()
    connection = connect(site.datasette.config.database)
    connection.execute("""update ups set name = 'o"dd''s [x]:y@closet' where id = 2""")
    connection.close()
    assert rows(site, "ups_compare")[0]["""o"dd's [x]:y@closet"""] == "OL"


@pytest.mark.parametrize(
    "query",
    [
        "ups_history?range=soon",
        "ups_history?since=yesterday",
        "energy_by_day?per=moon",
        "ups_history?since=2026-02-01&until=2026-01-01",
    ],
)
def test_unreadable_parameters_are_an_error_with_a_message(power, query):
    _, site = power(days=1)
    name, _, params = query.partition("?")
    response = site.get(f"/telemetry/{name}.json?{params}")
    assert response.status_code == 400 and (" is not a " in response.text or "before" in response.text)


@pytest.mark.parametrize(
    ("status", "state", "words"),
    [
        ("OL", "OK", "on mains"),
        ("OL CHRG", "OK", "on mains, charging"),
        ("CHRG OL BOOST", "OK", None),
        ("OB DISCHRG", "Warning", "on battery, discharging"),
        ("ALARM OB LB", "Critical", "alarm, on battery, battery low"),
        ("FSD OL", "Critical", None),
        ("OL OVER", "Critical", None),
        ("OL BYPASS", "Warning", None),
        ("OB CAL", "OK", None),
        ("OL WHATEVER TWICE", "OK", "on mains, WHATEVER, TWICE"),
        ("LB OL", "Warning", None),
        ("OFF", "Warning", None),
    ],
)
def test_status_tokens_determine_the_state(power, status, state, words):
    _, site = power(days=0.05)
    connection = connect(site.datasette.config.database)
    connection.execute("update ups set status = ? where id = 3", (status,))
    connection.close()
    row = site.get("/telemetry/ups_overview.json?_shape=array&id=3").json()[0]
    assert (row["state"], row["status_words"]) == (state, describe_status(status))
    assert words in (None, row["status_words"])


def test_the_state_of_any_four_of_40_words_is_that_of_the_table(power):
    """The view and `status_severity` agree; the words not in NUT's list are kept and shown."""
    _, site = power(days=0.05)
    words = [*STATUS, *(f"X{number}" for number in range(40 - len(STATUS)))]
    words.remove("WAIT")
    chosen = random.Random(11)
    connection = connect(site.datasette.config.database)
    for status in [" ".join(chosen.sample(words, chosen.randint(1, 4))) for _ in range(400)]:
        tokens = status_tokens(status)
        is_test = bool(tokens & {"CAL", *TEST_WORDS}) and not tokens & {"OL"}
        connection.execute("update ups set status = ? where id = 3", (status,))
        state, shown = connection.execute(
            "select state, status_words from ups_overview where id = 3"
        ).fetchone()
        assert (state, shown) == (status_severity(status, is_test), describe_status(status)), status
    connection.close()


def test_every_status_token_is_described_as_in_the_table(power):
    _, site = power(days=0.05)
    connection = connect(site.datasette.config.database)
    connection.execute("update ups set status = ? where id = 3", (" ".join(reversed(STATUS)),))
    connection.close()
    shown = site.get("/telemetry/ups_overview.json?_shape=array&id=3").json()[0]["status_words"]
    assert shown == describe_status(" ".join(STATUS))


def test_now_never_scans_history(power):
    _, site = power(days=0.05)
    for view in ("ups_overview", "attention"):
        plan = [row[3] for row in site.rows(f"explain query plan select * from {view}")]
        for table in ("ups_samples", "ups_samples_hourly", "ups_variable_changes"):
            assert not [step for step in plan if step.startswith(f"SCAN {table}")], plan
    plan = [row[3] for row in site.rows("explain query plan select * from ups_overview")]
    scans = {re.sub(r"\d+", "N", step) for step in plan if step.startswith("SCAN")}
    assert scans <= {
        "SCAN ups",
        "SCAN u",  # as are the conditions of each
        "SCAN c",
        "SCAN w",
        "SCAN CONSTANT ROW",
        "SCAN split",
        "SCAN s",
        "SCAN k LEFT-JOIN",
        "SCAN (subquery-N)",
        "SCAN N CONSTANT ROWS",
    }, plan
    plan = [row[3] for row in site.rows("explain query plan select * from outages")]
    assert not {"SCAN e", "SCAN o"} & set(plan), plan
