"""Imported samples make the events that live ones would have made, once, whatever happens to the import."""

import json
import random
import sqlite3
from dataclasses import replace

import pytest

from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc, parse_utc
from ingest.transfer.import_job import FROM_SAMPLES
from ingest.transfer.stream_import import ImportTiming
from ingest.ups.corrections import VariableSettings
from ingest.ups.limits import Limits
from ingest.ups.settings import UpsSettings
from tests.ingest.transfer.nutify_file import make_new, make_old, make_times

START = parse_utc("2026-06-01T10:00:00.000Z")
OUTAGE = range(20, 32)  # the rows of six minutes at one each 30 s
HEADER = "sampled_at,ups,ups_status,input_voltage,battery_charge,battery_voltage,ups_load,ups_realpower"


def at(row, step=30):
    return format_utc(START + row * step)


def line(row, status="OL", volts="230", charge="100", battery="27.2", load="20", watts="180", ups="rack"):
    return f"{at(row)},{ups},{status},{volts},{charge},{battery},{load},{watts}"


def write_csv(path, rows):
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


def house_rows(number=60, outage=OUTAGE, **battery):
    on_battery = {"status": "OB DISCHRG", "volts": "0", "charge": "95", "battery": "24.1"} | battery
    return [line(row, **on_battery) if row in outage else line(row) for row in range(number)]


def events(site, *columns):
    names = columns or ("event", "started_at", "ended_at", "complete")
    return site.rows(
        f"select {', '.join(names)} from events where ups is not null order by started_at, event"
    )


def figures_of(site, event="ONBATT"):
    return [json.loads(row[0]) for row in site.rows("select figures from events where event = ?", event)]


ONE_OUTAGE = [("ONBATT", at(OUTAGE.start), at(OUTAGE.stop), 1)]


def test_six_minutes_on_battery_in_a_csv_are_an_outage_with_its_figures(site, tmp_path):
    outcome = site.take(write_csv(tmp_path / "a.csv", house_rows()))
    assert outcome[FROM_SAMPLES].stored == 1
    assert events(site) == ONE_OUTAGE
    (figures,) = figures_of(site)
    assert (figures["seconds"], figures["covered_s"], figures["samples"]) == (360.0, 360.0, 12)
    assert figures["wh"] == pytest.approx(18.0) and figures["watts_avg"] == 180.0
    assert (figures["charge_start"], figures["lowest_charge"], figures["lowest_input_voltage"]) == (
        100,
        95,
        0,
    )
    assert site.one("select sum(on_battery_s) from ups_samples_hourly") == 360.0
    assert site.one("select mains from ups") == "mains"
    assert site.rows("select name, seconds, wh from outages") == [("rack", 360.0, 18.0)]


def test_six_minutes_on_battery_in_an_upslog(site, tmp_path):
    def text(row):
        moment = at(row)[:19].replace("-", "").replace("T", " ").replace(":", "")
        return (
            f"{moment} 95.0 0.0 13.0 [OB DISCHRG] 25 0"
            if row in OUTAGE
            else (f"{moment} 100.0 230.4 12.0 [OL] 25 50.0")
        )

    (tmp_path / "ups.log").write_text("".join(text(row) + "\n" for row in range(60)))
    site.take(tmp_path / "ups.log", timezone="UTC")
    assert events(site) == ONE_OUTAGE


@pytest.mark.parametrize(
    ("on_battery", "inside", "expected"),
    [
        ("Vin=0.0V, Vout=220.9V, Batt=0.0V, Load=11%", "225.6", ONE_OUTAGE),
        ("Vin=0.0V, Vout=220.9V, Batt=12.3V, Load=11%", "223.0", ONE_OUTAGE),
        ("Vin=0.0V, Vout=220.9V, Batt=13.5V, Load=11%", "227.9", ONE_OUTAGE),
        ("Vin=0.0V, Vout=0.0V, Batt=12.3V, Load=11%", "225.6", []),  # it found neither voltage
        ("Vin=0.0V, Vout=220.9V, Batt=0.0V, Load=11%", "229.5", []),  # the mains may have left its range
        ("Vin=0.0V, Vout=220.9V, Batt=0.0V, Load=11%", "220.4", []),
        ("Vin=224.0V, Vout=220.9V, Batt=12.3V, Load=11%", "225.6", []),
    ],
)
def test_six_minutes_on_battery_in_the_log_of_an_ep20_monitor(site, tmp_path, on_battery, inside, expected):
    lines = []
    for row in range(60):
        values = on_battery if row in OUTAGE else f"Vin={inside}V, Vout=224.7V, Batt=13.5V, Load=14%"
        lines.append(f"{at(row)[:19].replace('T', ' ')} - INFO - Telemetry: {values}")
    (tmp_path / "daemon.log").write_text("\n".join(lines) + "\n")
    site.take(tmp_path / "daemon.log", timezone="UTC", ups="garage")
    assert events(site) == expected
    assert site.rows("select distinct ups_status from ups_samples") == [("",)]
    if expected:
        assert events(site, "detail") == [("by the voltages: the file has no status",)]


@pytest.mark.parametrize(
    ("battery", "expected"),
    [
        (
            {"status": "OB LB", "charge": "4"},
            [("ONBATT", 20, 32), ("LOWBATT", 20, 32), ("CHARGE_LOW", None, 0)],
        ),
        ({"status": "OB DISCHRG TEST", "volts": "0"}, [("ONBATT", 20, 32)]),
        ({"status": "OB DISCHRG TEST", "volts": "229"}, [("TEST", 20, 32)]),
        ({"status": "OB CAL", "volts": "3"}, [("ONBATT", 20, 32), ("CAL", 20, 32)]),
        ({"status": "OB CAL", "volts": "231"}, [("CAL", 20, 32)]),
        ({"status": "ob dischrg"}, [("ONBATT", 20, 32)]),
        ({"status": "ACFAIL"}, [("ONBATT", 20, 32)]),
        ({"status": "OL OB", "volts": "229"}, []),
        ({"status": "OL OB", "volts": "1"}, [("ONBATT", 20, 32)]),
        ({"status": "", "volts": "0"}, [("ONBATT", 21, 32)]),  # without a status it takes two samples
        ({"status": "OL TRIM", "volts": "248"}, [("TRIM", 20, 32)]),
        ({"status": "OL OVER", "load": "130", "volts": "230"}, [("OVER", 20, 32)]),
        ({"status": "OL BYPASS", "volts": "230"}, [("BYPASS", 20, 32)]),
        ({"status": "OL", "volts": "230", "load": "255", "charge": "1000", "watts": "NA"}, []),
        ({"status": "WAIT", "volts": "", "charge": "", "load": "", "watts": ""}, []),
        ({"status": "OL ALARM", "volts": "230"}, [("ALARM", 20, 32)]),
    ],
)
def test_each_status_makes_the_events_that_it_makes_live(site, tmp_path, battery, expected):
    site.take(write_csv(tmp_path / "a.csv", house_rows(**battery)))
    wanted = [(name, at(start), at(stop), 1) for name, start, stop in expected if start is not None]
    found = [row for row in events(site) if row[0] != "CHARGE_LOW"]
    assert sorted(found) == sorted(wanted)


def test_a_test_that_the_ups_reports_is_no_outage(site, tmp_path):
    rows = []
    for row in range(60):
        result = (
            "In progress"
            if row in OUTAGE
            else "Done and passed"
            if row >= OUTAGE.stop
            else "No test initiated"
        )
        status = "OB DISCHRG" if row in OUTAGE else "OL"
        rows.append(f"{START + row * 30:.0f}|{status}|230.1|{result}")
    (tmp_path / "own.log").write_text("\n".join(rows) + "\n")
    form = "%ETIME%|%VAR ups.status%|%VAR input.voltage%|%VAR ups.test.result%"
    site.take(tmp_path / "own.log", format=form)
    assert [row[:3] for row in events(site)] == [("TEST", at(20), at(32))]
    assert figures_of(site, "TEST")[0]["result"] == "Done and passed"
    assert site.one("select sum(on_battery_s) from ups_samples_hourly") == 0.0


def test_impossible_figures_are_unknown_and_one_oddity_each(site, tmp_path):
    rows = [line(row, charge="255", load="562020", battery="10000000") for row in range(30)]
    site.take(write_csv(tmp_path / "a.csv", rows))
    assert events(site) == []
    assert site.rows("select distinct battery_charge, ups_load, battery_voltage from ups_samples") == [
        (None,) * 3
    ]
    assert site.rows(
        "select battery_charge_max, ups_load_max, battery_voltage_max from ups_samples_hourly"
    ) == [(None,) * 3]
    reasons = [
        row[0] for row in site.rows("select reason from oddities where ups is not null order by variable")
    ]
    assert [reason.split(" = ")[0] for reason in reasons] == ["battery.charge", "battery.voltage", "ups.load"]
    assert reasons[0] == "battery.charge = 255: outside 0 to 100 %"


def test_the_config_of_a_ups_counts_for_its_imports(site, tmp_path):
    own = UpsSettings(realpower_nominal=900.0, limits=Limits(load_max=15.0))
    site.config = replace(site.config, ups={"rack": own})
    rows = [f"{at(row)},rack,OL,230,20" for row in range(10)]
    (tmp_path / "a.csv").write_text(
        "sampled_at,ups,ups_status,input_voltage,ups_load\n" + "\n".join(rows) + "\n"
    )
    site.take(tmp_path / "a.csv")
    assert site.rows("select distinct watts, watts_rule from ups_samples") == [(180.0, "load x nominal W")]
    assert [row[0] for row in events(site)] == ["LOAD_HIGH"]


# Gaps, ends and files that grow.


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        (range(24, 26), [(20, 32, 1)]),  # two intervals are missing: that is no gap
        (range(23, 30), [(20, 32, 0)]),  # a gap: the outage goes on, a part of it was not seen
        (range(30, 40), [(20, 40, 0)]),  # its end was not seen
    ],
)
def test_a_short_gap_leaves_the_outage_incomplete(site, tmp_path, missing, expected):
    rows = [text for row, text in enumerate(house_rows()) if row not in missing]
    site.take(write_csv(tmp_path / "a.csv", rows))
    assert events(site) == [("ONBATT", at(start), at(end), whole) for start, end, whole in expected]
    (figures,) = figures_of(site)
    covered = 12 if len(missing) == 2 else 12 - len([row for row in missing if row in OUTAGE]) - 1
    assert figures["covered_s"] == 30 * covered


def test_a_long_gap_stays_a_gap(site, tmp_path):
    rows = [*house_rows(26), *[line(row) for row in range(26 + 2880, 40 + 2880)]]
    site.take(write_csv(tmp_path / "a.csv", rows))
    assert events(site) == [("ONBATT", at(20), at(25), 0)]
    assert events(site, "detail") == [("no samples from then on",)]
    assert figures_of(site)[0]["covered_s"] == 150.0
    assert site.one("select sum(covered_s) from ups_samples_hourly") == 30 * (25 + 13)


def test_battery_before_and_after_a_long_gap_is_two_outages(site, tmp_path):
    rows = [line(row, "OB DISCHRG", "0") for row in (*range(5), *range(200, 205))] + [line(205), line(206)]
    site.take(write_csv(tmp_path / "a.csv", rows))
    assert events(site) == [("ONBATT", at(0), at(4), 0), ("ONBATT", at(200), at(205), 0)]


def test_an_outage_that_the_file_ends_in_goes_on_when_the_file_has_grown(site, tmp_path):
    path = write_csv(tmp_path / "a.csv", house_rows(26))
    site.take(path)
    assert events(site) == [("ONBATT", at(20), at(25), 0)]
    assert events(site, "detail") == [("the file ends before it does",)]
    write_csv(path, house_rows(60))
    site.take(path)
    assert events(site) == ONE_OUTAGE and events(site, "detail") == [("",)]
    (figures,) = figures_of(site)
    assert (figures["covered_s"], figures["samples"]) == (360.0, 12)


def test_a_test_is_no_outage_any_more_when_the_file_has_grown(site, tmp_path):
    form = "%ETIME%|%VAR ups.status%|%VAR input.voltage%|%VAR ups.test.date%|%VAR ups.test.result%"
    path = tmp_path / "own.log"

    def write(number):
        rows = [
            f"{START + row * 10:.0f}|{'OB DISCHRG' if row in (20, 21) else 'OL'}|229|"
            f"{'2026-06-01' if row > 22 else '2026-05-01'}|{'passed' if row > 22 else 'ok'}"
            for row in range(number)
        ]
        path.write_text("\n".join(rows) + "\n")

    write(21)
    site.take(path, format=form)
    assert [row[0] for row in events(site)] == ["ONBATT"]
    write(30)
    site.take(path, format=form)
    assert [row[:2] for row in events(site)] == [("TEST", at(20, 10))]


def test_importing_twice_adds_nothing(site, tmp_path):
    path = write_csv(tmp_path / "a.csv", house_rows())
    site.take(path)
    first = site.dump()
    assert len(first["events"]) == 1
    site.take(path)
    assert site.dump() == first
    site.take(write_csv(tmp_path / "copy.csv", [*house_rows(), line(60)]))  # another file of the same time
    assert site.dump()["events"] == first["events"]


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_chunks_do_not_matter(make_site, tmp_path, chunk):
    site = make_site(timing=ImportTiming(chunk=chunk, rest=0.0))
    site.take(write_csv(tmp_path / "a.csv", house_rows()))
    assert events(site) == ONE_OUTAGE and figures_of(site)[0]["wh"] == pytest.approx(18.0)


def many_outages(seed, number=600):
    rnd = random.Random(seed)
    rows, row, on_battery = [], 0, False
    while row < number:
        for _ in range(rnd.randint(3, 25)):
            status, volts = ("OB DISCHRG", "0") if on_battery else ("OL", "230")
            rows.append(
                line(row, status, volts, charge=str(rnd.randint(10, 100)), load=str(rnd.randint(5, 99)))
            )
            row += 1
        row += rnd.choice((0, 0, 0, 2, 10, 300))
        on_battery = not on_battery
    return rows


def test_an_import_that_was_killed_ends_with_the_same_events(make_site, tmp_path):
    path = write_csv(tmp_path / "a.csv", many_outages(3))
    timing = ImportTiming(chunk=40, rest=0.0)
    whole, killed = make_site("whole", timing=timing), make_site("killed", timing=timing)
    whole.take(path)
    first = whole.dump()
    assert len(first["events"]) > 10
    killed.take_killed(path, "ups_samples", kills=3, seed=9)
    assert killed.dump() == first


@pytest.mark.parametrize("seed", range(5))
def test_an_import_that_stops_anywhere_ends_with_the_same_events(make_site, tmp_path, seed, monkeypatch):
    path = write_csv(tmp_path / "a.csv", many_outages(seed, 200))
    timing = ImportTiming(chunk=13, rest=0.0)
    whole, broken = make_site("whole", timing=timing), make_site("broken", timing=timing)
    whole.take(path)
    rnd = random.Random(seed)
    monkeypatch.setattr("ingest.ups.event_rows.TOGETHER", 1)
    begin = transaction

    def failing(connection):
        if rnd.random() < 0.1:
            raise KeyboardInterrupt
        return begin(connection)

    for name in ("transfer.stream_import", "ups.event_rows", "transfer.derived_events"):
        monkeypatch.setattr(f"ingest.{name}.transaction", failing)
    for _ in range(200):
        try:
            broken.take(path)
            break
        except KeyboardInterrupt:
            continue
    monkeypatch.undo()
    broken.take(path)
    assert events(broken, "event", "started_at", "ended_at", "complete", "detail", "figures") == events(
        whole, "event", "started_at", "ended_at", "complete", "detail", "figures"
    )
    ids = [row[0] for row in broken.rows("select id from events order by started_at, event")]
    assert len(ids) == len(set(ids))
    assert broken.dump()["ups_samples_hourly"] == whole.dump()["ups_samples_hourly"]


# Beside what is recorded already.


def store_live(site, spans, recorded):
    """Rows as a reader would have left them: samples in `recorded`, ONBATT events of `spans` (rows)."""
    site.take(write_csv(site.folder / "none.csv", [line(-5000)]))
    connection = connect(site.database)
    with transaction(connection):
        connection.execute("delete from ups_samples")
        connection.execute("delete from ups_samples_hourly")
        connection.execute("delete from imports")
        for row in recorded:
            connection.execute(
                "insert into ups_samples (sampled_at, ups, ups_status) values (?, 1, 'OL')", (at(row),)
            )
        for start, stop in spans:
            connection.execute(
                "insert into events (event, ups, started_at, ended_at, complete, detail, figures) "
                "values ('ONBATT', 1, ?, ?, 1, 'live', '{}')",
                (at(start), None if stop is None else at(stop)),
            )
    connection.close()


@pytest.mark.parametrize(
    ("spans", "recorded", "expected"),
    [
        ([(20, 32)], range(15, 40), ["live"]),  # all of it was recorded live
        ([(20, 32)], range(100, 101), ["live"]),  # its samples are pruned
        ([(25, 32)], range(25, 40), ["recorded here from then on", "live"]),  # live from its middle on
        ([(31, 33)], range(100, 101), ["live"]),
        ([(2, 10)], range(100, 101), ["live", ""]),  # another outage
        ([(40, None)], range(38, 80), ["", "live"]),
        ([(10, None)], range(100, 101), ["live"]),
    ],
)
def test_an_outage_that_was_recorded_live_is_not_made_twice(site, tmp_path, spans, recorded, expected):
    store_live(site, spans, recorded)
    site.take(write_csv(tmp_path / "a.csv", house_rows()))
    assert [row[0] for row in events(site, "detail")] == expected
    newest = site.one("select detail from events where event = 'ONBATT' order by id desc limit 1")
    assert newest == expected[-1]  # the highest id is the latest


def test_several_upses_in_one_file_have_their_own_events(site, tmp_path):
    rows = []
    for row in range(60):
        rows.append(line(row, ups="rack"))
        rows.append(line(row, *(("OB", "0") if row in range(10, 14) else ()), ups="desk"))
        rows.append(line(row, *(("OB", "0") if row in range(30, 50) else ()), ups="shed@far"))
    site.take(write_csv(tmp_path / "a.csv", rows))
    assert site.rows(
        "select u.name, e.started_at, e.ended_at from events e join ups u on u.id = e.ups "
        "order by e.started_at"
    ) == [("desk", at(10), at(14)), ("shed@far", at(30), at(50))]


# Files that have events themselves.


def test_what_a_nutify_file_does_not_tell_comes_from_its_samples(site, tmp_path):
    make_times(
        tmp_path / "n.sqlite",
        range(int(START), int(START) + 6000, 60),
        [(START + 610, "ONBATT"), (START + 1190, "ONLINE")],
        on_battery=(START + 600, START + 1200),
    )
    make_times(
        tmp_path / "n.sqlite",
        range(int(START) + 6000, int(START) + 9000, 60),
        on_battery=(START + 7200, START + 7800),
    )
    for _ in range(2):
        site.take(tmp_path / "n.sqlite")
        assert events(site) == [
            ("ONBATT", at(610, 1), at(1190, 1), 1),
            ("ONBATT", at(7200, 1), at(7800, 1), 1),
        ]


@pytest.mark.parametrize(
    "told",
    [
        [(0, "ONBATT"), (600, "ONLINE")],
        [(-45, "ONBATT"), (555, "ONLINE")],
        [(20, "ONBATT"), (680, "ONLINE")],
        [(0, "ONBATT")],
        [(300, "ONBATT"), (310, "ONLINE")],
    ],
)
def test_what_a_nutify_file_tells_is_not_told_again_by_its_samples(site, tmp_path, told):
    make_times(
        tmp_path / "n.sqlite",
        range(int(START) - 1200, int(START) + 3000, 60),
        [(START + seconds, event) for seconds, event in told],
        on_battery=(START, START + 600),
    )
    for _ in range(2):
        site.take(tmp_path / "n.sqlite")
        assert [row[0] for row in events(site)] == ["ONBATT"]


def test_a_self_test_that_a_file_tells_as_an_outage_is_a_self_test(site, tmp_path):
    path = tmp_path / "n.sqlite"
    make_times(
        path,
        range(int(START), int(START) + 1200, 10),
        [(START + 600, "ONBATT"), (START + 640, "ONLINE")],
    )
    with sqlite3.connect(path) as file:
        file.execute("update ups_dynamic_data set ups_status = 'OB DISCHRG TEST' where id between 61 and 64")
    for _ in range(2):
        site.take(path)
        assert [row[0] for row in events(site)] == ["TEST"]


def test_both_layouts_of_nutify_keep_their_events(make_site, tmp_path):
    old, new = make_site("old"), make_site("new")
    make_old(tmp_path / "old.sqlite")
    old.take(tmp_path / "old.sqlite")
    assert [row[0] for row in events(old)] == ["ONBATT", "LOWBATT", "COMMBAD"]
    make_new(tmp_path / "new.sqlite")
    new.take(tmp_path / "new.sqlite")
    assert new.rows(
        "select u.name, e.event from events e join ups u on u.id = e.ups order by u.name, e.started_at"
    ) == [
        ("desk@nutify", "ONBATT"),
        ("rack@nutify", "ONBATT"),
        ("rack@nutify", "LOWBATT"),
        ("rack@nutify", "COMMBAD"),
    ]


def test_corrections_of_the_config_count_for_imports(site, tmp_path):
    wrong = {"battery.voltage": VariableSettings(scale=0.5), "ups.load": VariableSettings(ignore=True)}
    site.config = replace(site.config, ups={"rack": UpsSettings(variables=wrong)})
    site.take(write_csv(tmp_path / "a.csv", [line(row, load="99") for row in range(5)]))
    assert site.rows("select distinct battery_voltage, ups_load from ups_samples") == [(13.6, None)]
    assert events(site) == []
