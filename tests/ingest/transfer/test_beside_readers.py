"""Files move in while the reader of the same UPS works on the same file: each keeps what is its own."""

import json
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import pytest

from ingest.config.model import UpsSettings
from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc, parse_utc
from ingest.transfer.importers import nutify_events
from ingest.transfer.stream_import import ImportTiming
from ingest.ups.records import Poll
from ingest.ups.registry import UpsSource, register
from ingest.ups.store import UpsStore
from tests.helpers.new_database import new_database
from tests.ingest.nut.lab import Lab
from tests.ingest.transfer.import_site import Between
from tests.ingest.transfer.nutify_file import make_times
from tests.ingest.ups.ingest_process import IngestProcess

HOURS = """select h.*, count(s.id) as held,
avg(s.input_voltage) as mean, min(s.input_voltage) as low, max(s.input_voltage) as high
from ups_samples_hourly h left join ups_samples s on s.ups = h.ups and s.sampled_at >= h.hour_at
and s.sampled_at < strftime('%Y-%m-%dT%H:%M:%fZ', h.hour_at, '+1 hour') group by h.ups, h.hour_at"""


def agree(rows):
    """Every hour is what its samples sum up to, and no time in it is covered twice."""
    assert rows
    for hour in rows:
        assert hour["samples"] == hour["held"], hour
        assert hour["covered_s"] <= 3600.001, hour
        for part, told in (("mean", "avg"), ("low", "min"), ("high", "max")):
            assert hour[f"input_voltage_{told}"] == pytest.approx(hour[part], abs=0.0001), hour


class Reader:
    """The store of a running `voltkeeper ingest` for the UPS rack@closet, fed by hand.

    `alive`: its source tells so.
    """

    def __init__(self, site, alive=True):
        new_database(site.database)
        self.connection = connect(site.database)
        sources = [UpsSource("closet", "nut", "10.0.0.1:3493", ("rack@closet",))]
        register(self.connection, sources, {})
        self.store = UpsStore(self.connection, "Europe/Rome", sources, {"rack@closet": UpsSettings()})
        if alive:
            now = format_utc(time.time())
            self.connection.execute(
                "insert into ingest_status (source, kind, address, state, since_at, heartbeat_at) values "
                "('closet', 'nut', '', 'connected', ?, ?)",
                (now, now),
            )

    def see(self, at, volts=230.0, status="OL", step=10.0):
        variables = {
            "ups.status": status,
            "input.voltage": str(volts),
            "ups.realpower": "300",
            "battery.charge": "100",
        }
        self.store.absorb(Poll("rack@closet", at, at, step, status=status, variables=variables))

    def commit(self):
        with transaction(self.connection):
            self.store.write(self.connection)
        self.store.committed()


@pytest.fixture
def reader(site):
    """A function that makes the site's Reader."""
    made = []

    def make(**options):
        made.append(Reader(site, **options))
        return made[-1]

    yield make
    for one in made:
        one.connection.close()


def csv_of(path, times, volts=220.0, status="OL", ups="rack@closet"):
    lines = [f"{format_utc(at)},{ups},{status},{volts},300,90\n" for at in times]
    path.write_text("sampled_at,ups,ups_status,input_voltage,ups_realpower,battery_charge\n" + "".join(lines))
    return path


def hours(site):
    with closing(connect(site.database, readonly=True)) as connection:
        cursor = connection.execute(HOURS)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def times(start, end, step):
    return [start + step * n for n in range(int((end - start) / step))]


def test_the_hour_that_both_write_into_is_right(site, reader, tmp_path):
    site.timing = ImportTiming(chunk=20, rest=0.0)
    now = time.time()
    live = reader()
    for at in times(now - 600, now, 10):
        live.see(at)
    live.commit()
    moments = iter(times(now, now + 600, 1))

    def look():
        live.see(next(moments), step=1.0)
        live.commit()

    path = csv_of(tmp_path / "a.csv", times(now - 2 * 3600, now + 30, 30))
    outcome = site.take(path, bar=Between(look))["sample"]
    look()
    assert outcome.stored + sum(outcome.skipped.values()) == 241
    assert outcome.stored == 220  # all but those since the reader's first sample
    agree(hours(site))
    covered = sum(hour["covered_s"] for hour in hours(site))
    own = site.one("select count(*) from ups_samples where input_voltage = 230") - 60
    assert covered == pytest.approx(219 * 30 + 590 + 10 + own - 1, abs=1)


def test_a_reader_that_begins_meanwhile_loses_nothing(site, reader, tmp_path):
    site.timing = ImportTiming(chunk=20, rest=0.0)
    now = time.time()
    live = reader()
    moments = iter(times(now, now + 600, 1))

    def look():
        live.see(next(moments), step=1.0)
        live.commit()

    assert (
        site.take(csv_of(tmp_path / "a.csv", times(now - 3600, now, 15)), bar=Between(look))["sample"].stored
        == 240
    )
    look()
    agree(hours(site))


def test_when_a_ups_was_first_seen_stays_what_a_file_tells(site, reader, tmp_path):
    now = time.time()
    live = reader()
    live.see(now - 10)
    live.commit()
    site.take(csv_of(tmp_path / "a.csv", times(now - 3600, now - 1800, 60)))
    live.see(now)
    live.commit()
    assert parse_utc(site.one("select first_seen_at from ups")) == pytest.approx(now - 3600, abs=0.01)
    assert site.rows("select status, status_at, last_sample_at from ups") == [
        ("OL", format_utc(now), format_utc(now))
    ]


def test_time_is_covered_once_where_two_programs_took_turns(site, reader, tmp_path):
    start = (time.time() // 3600 - 5) * 3600
    live = reader(alive=False)
    for at in (
        start + 620,
        start + 630,
        start + 640,
    ):  # between two samples of the file, with none of them inside
        live.see(at)
    for at in times(start + 2400, start + 2490, 10):
        live.see(at)
    live.commit()
    outcome = site.take(csv_of(tmp_path / "a.csv", times(start, start + 3600, 60)))["sample"]
    assert outcome.skipped == {"there are samples of that time already": 2} and outcome.stored == 58
    (hour,) = hours(site)
    agree([hour])
    # 59 pauses of a minute, but for the one with the reader's samples and three around two that were skipped
    assert hour["covered_s"] == 20 + 80 + 60 * (59 - 1 - 3)


def test_an_hour_whose_samples_are_pruned_keeps_its_figures(site, reader, tmp_path):
    start = (time.time() // 3600 - 50) * 3600
    live = reader(alive=False)
    for at in times(start, start + 1800, 60):
        live.see(at, volts=240.0, step=60.0)
    live.see(start + 7200)
    live.commit()
    live.connection.execute("delete from ups_samples where sampled_at < ?", (format_utc(start + 3600),))
    outcome = site.take(csv_of(tmp_path / "a.csv", times(start - 3600, start + 3600, 60)))["sample"]
    assert outcome.stored == 60  # those of the hour before: that of the reader is not counted twice
    hour = next(hour for hour in hours(site) if hour["hour_at"] == format_utc(start))
    assert (hour["samples"], hour["covered_s"], hour["input_voltage_avg"]) == (30, 1740.0, 240.0)


def test_ids_rise_with_time_and_the_newest_is_the_last(site, reader, tmp_path):
    now = time.time()
    live = reader()
    live.see(now - 10)
    live.commit()
    site.take(csv_of(tmp_path / "a.csv", times(now - 3600, now - 60, 60)))
    live.see(now)
    live.commit()
    found = [row[0] for row in site.rows("select sampled_at from ups_samples order by id")]
    assert found == sorted(found) and len(found) == 61


def test_into_an_empty_file_ids_begin_at_one_and_the_reader_counts_on(site, reader, tmp_path):
    site.timing = ImportTiming(chunk=20)
    now = time.time()
    live = reader()
    moments = iter(times(now, now + 600, 1))

    def look():
        live.see(next(moments), step=1.0)
        live.commit()

    site.take(csv_of(tmp_path / "a.csv", times(now - 3600, now - 60, 60)), bar=Between(look))
    ids = site.rows("select min(id), max(id), count(*) from ups_samples where input_voltage = 220")
    assert ids == [(1, 59, 59)]
    assert site.one("select min(id) from ups_samples where input_voltage = 230") > 59


def test_a_file_that_grows_while_it_is_read(site, reader, tmp_path):
    site.timing = ImportTiming(chunk=10)
    now = time.time()
    path = csv_of(tmp_path / "a.csv", times(now - 3600, now - 600, 60))
    live = reader()
    more = iter(times(now - 600, now, 5))

    def grow():
        with path.open("a") as file:
            for _ in range(10):
                at = next(more, None)
                if at is not None:
                    file.write(f"{format_utc(at)},rack@closet,OL,220,300,90\n")
        live.see(time.time(), step=1.0)
        live.commit()

    site.take(path, bar=Between(grow))
    assert site.one("select count(*) from ups_samples where input_voltage = 220") == 170
    assert site.take(path)["sample"].stored == 0
    agree(hours(site))


def test_what_the_reader_samples_while_the_import_is_away_does_not_come_twice(site, reader, tmp_path):
    """Cut off, and run again when the reader has been at work and the file has grown."""
    site.timing = ImportTiming(chunk=10)
    now = time.time()
    path = csv_of(tmp_path / "a.csv", times(now - 7200, now - 3600, 60))

    def cut():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        site.take(path, bar=Between(cut))
    live = reader(alive=False)
    for at in times(now - 3000, now - 1000, 10):
        live.see(at)
    live.commit()
    csv_of(path, times(now - 7200, now, 60))
    site.take(path)
    assert site.one("select count(*) from ups_samples where input_voltage = 220") == 60 + 10 + 16
    agree(hours(site))


def test_an_outage_that_goes_on_stays_the_last_one(site, reader, tmp_path):
    now = time.time()
    live = reader()
    for at in times(now - 300, now - 60, 10):
        live.see(at)
    for at in times(now - 60, now, 10):
        live.see(at, status="OB DISCHRG")
    live.commit()
    told = [(now - 86400, "ONBATT"), (now - 86000, "ONLINE"), (now - 61, "ONBATT")]
    make_times(tmp_path / "nutify.sqlite", times(now - 90000, now, 60), told)
    outcome = site.take(tmp_path / "nutify.sqlite", ups="rack@closet")["events of UPSes"]
    assert outcome.stored == 1 and sum(outcome.skipped.values()) == 1
    assert site.rows("select started_at, ended_at is null from events order by id") == [
        (format_utc(now - 86400), 0),
        (format_utc(now - 60), 1),
    ]
    assert site.rows("select on_battery_since, last_outage_at from ups_overview") == [
        (format_utc(now - 60),) * 2
    ]


def test_an_outage_that_was_moved_in_counts_for_the_battery(site, tmp_path):
    start = time.time() - 90000
    path = tmp_path / "nutify.sqlite"
    make_times(
        path,
        times(start, start + 7200, 60),
        [(start + 600, "ONBATT"), (start + 1800, "ONLINE")],
        on_battery=(start + 600, start + 1800),
    )
    site.take(path)
    (figures,) = [json.loads(row[0]) for row in site.rows("select figures from events")]
    assert figures["covered_s"] == pytest.approx(1200, abs=61) and figures["wh"] == pytest.approx(
        180 * figures["covered_s"] / 3600, abs=0.1
    )


def test_figures_of_thousands_of_events_are_looked_up_while_others_write(site, tmp_path, monkeypatch):
    start = time.time() - 90 * 86400
    told = [(start + 1800 * n, "ONLINE" if n % 2 else "ONBATT") for n in range(4000)]
    make_times(tmp_path / "nutify.sqlite", times(start, start + 600, 60), told)
    inside = []

    @contextmanager
    def watched(connection):
        with transaction(connection):
            connection.set_trace_callback(inside.append)
            yield
            connection.set_trace_callback(None)

    monkeypatch.setattr(nutify_events, "transaction", watched)
    assert site.take(tmp_path / "nutify.sqlite", ups="rack@closet")["events of UPSes"].stored == 2000
    # A statement with triggers is traced once for each of theirs, too.
    assert len({sql for sql in inside if sql.startswith("insert into events")}) == 2000
    assert not [sql for sql in inside if "ups_samples" in sql]  # figures are looked up before


@pytest.fixture(scope="module")
def lab():
    plain = "ups.status: OL\nups.realpower: 300\nbattery.charge: 100\ninput.voltage: 230\nups.id: mine\n"
    with Lab({"rack": plain, "desk": plain, "shed": plain, "attic": plain}) as lab:
        for name in ("rack", "desk", "shed", "attic"):
            lab.wait(name)
        yield lab


def test_four_files_beside_a_real_upsd_and_its_reader(lab, tmp_path, voltkeeper):
    """Nutify, upslog, an EP20 monitor and CSV hold the reader's hours, and two before it came."""
    config = f"nut:\n  - {{name: lab, port: {lab.port}, poll_s: 2, status_s: 0.5}}\n"
    with IngestProcess(tmp_path, config) as ingest:
        for name in ("rack", "desk", "shed", "attic"):
            ingest.wait_sample(f"{name}@lab")
        variables = ingest.rows("select * from ups_variables order by 1, 2")
        with lab.client() as client:
            client.set_var("rack", "ups.status", "OB DISCHRG")
            ingest.wait_event("rack@lab", "ONBATT")
        now = time.time()
        told = times(now - 2 * 3600, now, 5)
        make_times(
            tmp_path / "nutify.sqlite",
            told,
            [(now - 86400, "ONBATT"), (now - 86000, "ONLINE"), (now - 1, "ONBATT")],
        )
        local = [datetime.fromtimestamp(at, UTC) for at in told]
        (tmp_path / "ups.log").write_text(
            "".join(f"{at:%Y%m%d %H%M%S} 90.0 220.0 12.0 [OL] 25.1 50.0\n" for at in local)
        )
        (tmp_path / "ep20.log").write_text(
            "".join(
                f"{at:%Y-%m-%d %H:%M:%S} - INFO - Telemetry: Vin=220V, Vout=224V, Batt=13V, Load=14%\n"
                for at in local
            )
        )
        csv_of(tmp_path / "a.csv", told, ups="attic@lab")
        for name, *more in (
            ("nutify.sqlite", "--ups", "rack@lab"),
            ("ups.log", "--ups", "desk@lab"),
            ("ep20.log", "--ups", "shed@lab"),
            ("a.csv",),
        ):
            program = voltkeeper(
                "import", tmp_path / name, "--timezone", "UTC", *more, "--config", tmp_path / "config.yml"
            )
            assert program.wait(60) == 0, program.text
        before = len(ingest.samples("rack@lab"))
        ingest.wait_sample("rack@lab", time.time())
        ingest.wait_sample("attic@lab", time.time())
        assert len(ingest.samples("rack@lab")) > before
        assert ingest.rows("select on_battery_since from ups_overview where name = 'rack@lab'") == [
            {"on_battery_since": ingest.events("rack@lab", "ONBATT")[-1]["started_at"]}
        ]
        with lab.client() as client:
            client.set_var("rack", "ups.status", "OL")
            ingest.wait_event("rack@lab", "ONBATT", is_open=False)
        time.sleep(2.5)
        assert ingest.stop() == 0
        assert [event["ended_at"] is not None for event in ingest.events("rack@lab")] == [True, True]
        agree(ingest.rows(HOURS))
        for name in ("rack", "desk", "shed", "attic"):
            rows = ingest.samples(f"{name}@lab")
            stamps = [row["sampled_at"] for row in rows]
            assert stamps == sorted(stamps)
            kinds = [row["battery_charge"] == 100 for row in rows]
            assert kinds == sorted(kinds), (
                name
            )  # first what was moved in, then what the reader sampled, never mixed
            own = kinds.count(True)
            lived = parse_utc(stamps[-1]) - parse_utc(stamps[-own])
            assert 2 * 3600 / 5 - lived / 5 - 3 <= kinds.count(False) <= 1440
        assert [
            row
            for row in ingest.rows("select * from ups_variables order by 1, 2")
            if row["variable"] == "ups.id"
        ] == [row for row in variables if row["variable"] == "ups.id"]
        found = ingest.rows("select name, status, first_seen_at from ups order by name")
        assert [row["name"] for row in found] == ["attic@lab", "desk@lab", "rack@lab", "shed@lab"]
        assert {row["status"] for row in found} == {"OL"}
        assert all(parse_utc(row["first_seen_at"]) == pytest.approx(now - 2 * 3600, abs=1.1) for row in found)
