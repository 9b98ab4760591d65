"""Nutify databases and logs of UPSes move in: samples, hourly figures, what happened."""

import json
from dataclasses import replace

import pytest

from ingest.db.time import format_utc
from ingest.transfer.records import TransferError
from ingest.transfer.stream_import import ImportTiming
from tests.ingest.transfer.nutify_file import make_new, make_old, make_times

EP20 = """2026-06-01 14:30:25,123 - INFO - ✅ Подключено к /dev/ttyUSB0
2026-06-01 14:30:25,500 - INFO - Телеметрия: Vin=225.6V, Vout=224.7V, Batt=13.5V, Load=14%
2026-06-01 14:30:55 - INFO - Telemetry: Vin=225.5V, Vout=224.7V, Batt=13.6V, Load=15%
2026-06-01 14:31:25 - INFO - Telemetry: Vin=0.0V, Vout=224.7V, Batt=0.0V, Load=15%
2026-06-01 14:31:26 - WARNING - Alert: High temperature
2026-06-01 14:31:55 - INFO - Telemetry: Vin=0.0V, Vout=0.0V, Batt=0.0V, Load=0%
rubbish
2026-06-01 14:32:25 - INFO - Telemetry: Vin=225.5V, Vout=224."""
UPSLOG = """20260601 143000 100.0 230.4 12.0 [OL] 25.1 50.0
20260601 143030 99.0 0.0 13.0 [OB DISCHRG] NA 50.1
20260601 143100 NA NA NA [NA] NA NA
20260601 1431
20260601 143130 98.0 230.1 12.5 [OL CHRG] NA 50.0
"""


def samples(site, *columns):
    return site.rows(f"select {', '.join(columns)} from ups_samples order by ups, sampled_at")


@pytest.mark.parametrize(
    ("oldest", "first"), [(True, "2026-06-01T08:00:00.000Z"), (False, "2026-06-01T10:00:00.000Z")]
)
def test_a_nutify_file_of_one_ups(site, tmp_path, oldest, first):
    make_old(tmp_path / "nutify.db.sqlite", oldest=oldest)
    outcome = site.take(tmp_path / "nutify.db.sqlite")
    assert outcome["ups_dynamic_data"].stored == 600
    assert site.rows("select name, mfr, model, serial, realpower_nominal, status from ups") == [
        ("rack@nutify", "APC", "Smart-UPS 900", "AS1", 900.0, "OL")
    ]
    assert samples(site, "sampled_at", "ups_status", "battery_charge", "watts", "watts_rule")[0] == (
        first,
        "OL",
        100.0,
        180.0,
        "measured",
    )
    hours = site.rows(
        "select samples, covered_s, on_battery_s, wh, input_voltage_min from ups_samples_hourly order by "
        "hour_at"
    )
    assert sum(hour[0] for hour in hours) == 600
    assert sum(hour[1] for hour in hours) == pytest.approx(599 * 60)
    assert sum(hour[2] for hour in hours) == pytest.approx(30 * 60)
    assert sum(hour[3] for hour in hours) == pytest.approx(180 * 599 / 60, abs=0.01)
    assert min(hour[4] for hour in hours) == 0.0


def test_what_happened_is_one_event_from_its_start_to_its_end(site, tmp_path):
    make_old(tmp_path / "nutify.db.sqlite")
    outcome = site.take(tmp_path / "nutify.db.sqlite")["events of UPSes"]
    assert outcome.stored == 3 and outcome.skipped == {"NOPARENT is no event of a UPS that is kept": 1}
    events = site.rows(
        "select event, started_at, ended_at, complete, figures from events order by started_at"
    )
    assert [row[:4] for row in events] == [
        ("ONBATT", "2026-06-01T15:00:00.000Z", "2026-06-01T15:30:00.000Z", 1),
        ("LOWBATT", "2026-06-01T15:25:00.000Z", "2026-06-01T15:30:00.000Z", 1),
        ("COMMBAD", "2026-06-01T18:20:00.000Z", "2026-06-01T18:22:00.000Z", 1),
    ]
    figures = json.loads(events[0][4])
    assert (figures["seconds"], figures["wh"], figures["charge_start"], figures["lowest_charge"]) == (
        1800.0,
        90.0,
        100.0,
        42.0,
    )
    assert site.take(tmp_path / "nutify.db.sqlite")["events of UPSes"].stored == 0
    assert site.one("select count(*) from events") == 3


def test_an_outage_that_the_file_left_open_is_ended_by_what_it_tells_later(site, tmp_path):
    start = 1_790_000_000
    told = [(start + 600, "ONBATT"), (start + 900, "NOPARENT")]
    make_times(
        tmp_path / "nutify.sqlite", range(start, start + 900, 60), told, on_battery=(start + 600, start + 900)
    )
    assert site.take(tmp_path / "nutify.sqlite")["events of UPSes"].stored == 1
    sql = "select started_at, ended_at, complete, json_extract(figures, '$.covered_s') from events"
    assert site.rows(sql) == [(format_utc(start + 600), format_utc(start + 900), 0, 240.0)]
    make_times(
        tmp_path / "nutify.sqlite",
        range(start + 900, start + 3000, 60),
        [(start + 1800, "ONLINE")],
        on_battery=(start + 900, start + 1800),
    )
    for stored in (1, 0):
        assert site.take(tmp_path / "nutify.sqlite")["events of UPSes"].stored == stored
        assert site.rows(sql) == [(format_utc(start + 600), format_utc(start + 1800), 1, 1200.0)]


def test_a_nutify_file_of_many_upses_twice_and_killed(make_site, tmp_path):
    timing = ImportTiming(chunk=40, rest=0.0)
    path = tmp_path / "nutify.db.sqlite"
    make_new(path)
    whole, killed = make_site("whole", timing=timing), make_site("killed", timing=timing)
    assert whole.take(path)["ups_monitor_data"].stored == 1200
    first = whole.dump()
    assert [row[1] for row in first["ups"]] == ["rack@nutify", "desk@nutify"]
    assert samples(whole, "input_frequency", "ups_temperature")[0] == (49.9, 31.0)
    assert whole.take(path)["ups_monitor_data"].stored == 0
    assert whole.dump() == first
    assert any(0 < count < 1200 for count in killed.take_killed(path, "ups_samples", kills=3, seed=5))
    assert killed.dump() == first


def test_samples_go_to_the_ups_that_is_named_or_alike(site, tmp_path):
    make_old(tmp_path / "a.sqlite", 5)
    site.take(tmp_path / "a.sqlite", ups="rack@closet")
    assert site.rows("select name, driver, source from ups") == [("rack@closet", "nut", "closet")]
    make_new(tmp_path / "b.sqlite", 3)
    with pytest.raises(TransferError, match="the file holds rack, desk"):
        site.take(tmp_path / "b.sqlite", ups="rack@closet")
    outcome = site.take(tmp_path / "b.sqlite", ups="@closet")["ups_monitor_data"]
    assert outcome.stored == 3 and outcome.skipped == {"there are samples of that time already": 3}
    assert site.rows("select name from ups order by id") == [("rack@closet",), ("desk@closet",)]
    make_old(tmp_path / "c.sqlite", 600)
    assert site.take(tmp_path / "c.sqlite")["ups_dynamic_data"].stored == 595  # goes on behind the first five
    assert site.one("select count(*) from ups") == 2


def test_the_log_of_an_ep20_monitor_in_both_languages(site, tmp_path):
    path = tmp_path / "ups_web_daemon.log"
    path.write_text(EP20)
    outcome = site.take(path, ups="garage")["lines"]
    assert outcome.stored == 3
    assert outcome.skipped == {
        "nothing but zeros: the monitor found no values": 1,
        "a line of unknown format": 1,
    }
    assert samples(site, "sampled_at", "input_voltage", "battery_voltage", "ups_load") == [
        ("2026-06-01T12:30:25.500Z", 225.6, 13.5, 14.0),
        ("2026-06-01T12:30:55.000Z", 225.5, 13.6, 15.0),
        ("2026-06-01T12:31:25.000Z", None, None, 15.0),
    ]
    assert site.rows("select name, driver from ups") == [("garage", "must")]
    with path.open("a") as file:  # the monitor ends the line that was cut, and goes on
        file.write(
            "7V, Batt=13.5V, Load=14%\n2026-06-01 14:32:55 - INFO - Telemetry: Vin=226V, Vout=224V, "
            "Batt=13.5V, Load=14%\n"
        )
    assert site.take(path, ups="garage")["lines"].stored == 2
    assert site.one("select count(*) from ups_samples") == 5
    assert site.one("select sum(samples) from ups_samples_hourly") == 5


def test_an_upslog_file(site, tmp_path):
    path = tmp_path / "ups.log"
    path.write_text(UPSLOG)
    outcome = site.take(path, timezone="America/New_York")["lines"]
    assert outcome.stored == 3
    assert outcome.skipped == {"all NA: the server did not answer": 1, "a line of another format": 1}
    assert samples(site, "sampled_at", "ups_status", "battery_charge", "ups_temperature", "input_frequency")[
        :2
    ] == [
        ("2026-06-01T18:30:00.000Z", "OL", 100.0, 25.1, 50.0),
        ("2026-06-01T18:30:30.000Z", "OB DISCHRG", 99.0, None, 50.1),
    ]


@pytest.mark.parametrize(
    ("format", "line"),
    [
        ("%ETIME% %VAR ups.load% %VAR battery.charge%%%", "1780317000 12 99%"),
        ("%HOST%,%TIME @F @T%,%VAR battery.charge%,%VAR ups.load%", "pi,2026-06-01 14:30:00,99,12"),
        (
            "[%TIME @d/@b/@Y:@H:@M:@S%] %UPSHOST% %PID% %VAR ups.load% %VAR battery.charge%",
            "[01/Jun/2026:14:30:00] rack@pi 77 12 99",
        ),
    ],
)
def test_upslog_formats_of_ones_own(site, tmp_path, format, line):
    path = tmp_path / "own.log"
    path.write_text(line + "\n")
    assert site.take(path, format=format)["lines"].stored == 1
    assert samples(site, "sampled_at", "battery_charge", "ups_load") == [
        ("2026-06-01T12:30:00.000Z", 99.0, 12.0)
    ]


def test_a_format_without_a_time_is_refused(site, tmp_path):
    (tmp_path / "own.log").write_text("99\n")
    with pytest.raises(TransferError, match="holds no time"):
        site.take(tmp_path / "own.log", format="%VAR battery.charge%")


def test_csv_of_samples(site, tmp_path):
    path = tmp_path / "samples.csv"
    path.write_text(
        "sampled_at,ups,ups_status,input_voltage,battery_charge,note\n"
        "2026-06-01T12:00:00Z,rack@closet,OL,230.1,100,x\n2026-06-01T12:00:10Z,rack@closet,OL,,99,\n"
        "2026-06-01T12:00:10Z,desk@closet,OL,229,98,\nlater,desk@closet,OL,229,98,\n1,2\n"
    )
    outcome = site.take(path)["sample"]
    assert outcome.stored == 3
    assert outcome.skipped == {
        "its time cannot be read": 1,
        "another number of columns than the header's 6": 1,
    }
    assert samples(site, "ups", "input_voltage", "battery_charge") == [
        (1, 230.1, 100.0),
        (1, None, 99.0),
        (2, 229.0, 98.0),
    ]


def test_hours_are_those_of_the_house_whatever_time_the_file_is_in(make_site, tmp_path):
    """In India they begin at half past, by UTC; Nutify in a container writes local times that are UTC."""
    site = make_site()
    site.config = replace(site.config, timezone="Asia/Kolkata")
    make_old(tmp_path / "nutify.db.sqlite", minutes=90, oldest=True)
    site.take(tmp_path / "nutify.db.sqlite", timezone="UTC")
    assert {row[0][14:16] for row in site.rows("select hour_at from ups_samples_hourly")} == {"30"}
