"""The store's rows: ids that stay, hours that survive a restart, writes that are repeated, runs of polls."""

from dataclasses import replace

import pytest

from ingest.config.model import Config, MustSettings, NutServerSettings, Tariff, UpsSettings
from ingest.config.ups import ups_sources
from ingest.db.connection import connect, transaction
from ingest.db.time import format_utc
from ingest.settings import SettingError, parse_setting, save_setting
from ingest.sources import tariff_rows
from ingest.ups.limit_settings import apply_limits
from ingest.ups.limits import Limits
from ingest.ups.records import Poll, UpsClients, UpsFound, UpsGone
from ingest.ups.registry import register
from ingest.ups.store import UpsStore
from ingest.ups.tariffs import parse_days, parse_hours, save_tariffs
from tests.helpers.new_database import new_database
from tests.ingest.ups.scenario import START

VARIABLES = {
    "ups.status": "OL",
    "ups.realpower": "360",
    "battery.charge": "100",
    "input.voltage": "230.0",
    "device.model": "X",
}


@pytest.fixture
def connection(tmp_path):
    new_database(tmp_path / "t.db")
    connection = connect(tmp_path / "t.db")
    yield connection
    connection.close()


def store_of(connection, config):
    sources = ups_sources(config.nut, config.must)
    register(connection, sources, config.ups)
    return UpsStore(connection, "Europe/Rome", sources, config.ups)


HOUSE = Config(
    timezone="Europe/Rome",
    nut=(NutServerSettings("closet", "10.0.0.1", ups=("rack", "desk")),),
    must=(MustSettings("garage", "/dev/x"),),
)


def commit(store, connection, *items):
    for item in items:
        store.absorb(item)
    with transaction(connection):
        topics = store.write(connection)
    store.committed()
    return topics


def poll(seconds, ups="rack@closet", **changes):
    own = changes.pop("variables", {})
    variables = (
        None if own is None else VARIABLES | {name.replace("_", "."): value for name, value in own.items()}
    )
    given = {
        "status": "OL",
        "variables": variables,
        "writable": frozenset(["battery.charge", "ups.id"]),
    } | changes
    return Poll(ups, START + seconds, seconds, 10.0, **given)


def rows(connection, sql):
    return connection.execute(sql).fetchall()


def numbers(connection):
    return dict(rows(connection, "select name, id from ups where configured"))


def test_numbers_stay_while_order_and_names_change(connection):
    store_of(connection, HOUSE)
    before = numbers(connection)
    assert list(before) == ["rack@closet", "desk@closet", "garage"]
    turned = replace(
        HOUSE,
        nut=(replace(HOUSE.nut[0], ups=("new", "desk", "rack")),),
        must=(MustSettings("shed", "/dev/x"),),
    )
    store_of(connection, turned)
    after = numbers(connection)
    assert after["rack@closet"] == before["rack@closet"] and after["desk@closet"] == before["desk@closet"]
    assert after["shed"] == before["garage"]
    store_of(connection, replace(HOUSE, nut=(replace(HOUSE.nut[0], name="cellar"),)))
    renamed = numbers(connection)
    assert renamed["rack@cellar"] == before["rack@closet"] and renamed["desk@cellar"] == before["desk@closet"]


def test_a_ups_left_out_of_the_config_is_kept_and_what_was_open_ends(connection):
    store = store_of(connection, HOUSE)
    commit(store, connection, poll(0), poll(10, status="OB"))
    store_of(connection, replace(HOUSE, nut=()))
    assert rows(connection, "select count(*) from ups_samples") == [(2,)]
    assert numbers(connection).keys() == {"garage"}
    assert rows(connection, "select event, complete, ended_at is not null from events") == [("ONBATT", 0, 1)]


def test_a_word_of_a_status_that_is_not_known_is_told_once(connection, caplog):
    store = store_of(connection, HOUSE)
    statuses = ("OL FOO", "OL", "OL FOO", "OL BAR FOO", "OB FOO", "OL FOO")
    commit(store, connection, *(poll(10 * n, status=status) for n, status in enumerate(statuses)))
    commit(store, connection, poll(90, ups="desk@closet", status="OL FOO", variables=None))
    told = [record.getMessage() for record in caplog.records if "not known" in record.getMessage()]
    assert [line.partition(":")[0] for line in told] == ["rack@closet", "rack@closet", "desk@closet"]
    assert [line.rpartition(": ")[2] for line in told] == ["FOO", "BAR", "FOO"]
    found = rows(connection, "select u.name, o.variable, o.reason from oddities o join ups u on u.id = o.ups")
    assert [(ups, variable, reason.rpartition(": ")[2]) for ups, variable, reason in found] == [
        ("rack@closet", "ups.status", "FOO, BAR"),
        ("desk@closet", "ups.status", "FOO"),
    ]
    many = " ".join(f"W{n}{'X' * 50}" for n in range(30))
    commit(store, connection, poll(100, status=f"OL {many}"))
    (longest,) = rows(connection, "select max(length(reason)) from oddities")[0]
    assert longest < 500


def test_labels_come_from_the_config_and_are_never_empty(connection):
    store_of(connection, replace(HOUSE, ups={"rack@closet": UpsSettings(label="Rack", location="closet")}))
    assert rows(connection, "select label, location from ups order by id") == [
        ("Rack", "closet"),
        ("desk@closet", ""),
        ("garage", ""),
    ]


def test_a_found_ups_has_the_label_of_its_config_at_once(connection):
    own = {"rack@closet": UpsSettings(label="Rack", location="closet")}
    store = store_of(connection, replace(HOUSE, nut=(NutServerSettings("closet", "10.0.0.1"),), ups=own))
    commit(store, connection, UpsFound("rack@closet", "closet", "10.0.0.1:3493/rack", "The rack"), poll(0))
    assert rows(connection, "select label, reported_label, location from ups where name = 'rack@closet'") == [
        ("Rack", "The rack", "closet")
    ]


def test_found_and_gone_upses_of_a_server_whose_config_names_none(connection):
    store = store_of(connection, replace(HOUSE, nut=(NutServerSettings("closet", "10.0.0.1"),)))
    commit(
        store,
        connection,
        UpsFound("rack@closet", "closet", "10.0.0.1:3493/rack", "The rack"),
        poll(0),
        poll(10, status="OB"),
    )
    assert rows(connection, "select label from ups where name = 'rack@closet'") == [("The rack",)]
    commit(store, connection, UpsGone("rack@closet", START + 20), poll(30))
    assert rows(connection, "select configured from ups where name = 'rack@closet'") == [(0,)]
    assert rows(connection, "select complete, ended_at is not null from events") == [(0, 1)]
    assert rows(connection, "select count(*) from ups_samples") == [(2,)]
    commit(store, connection, UpsFound("rack@closet", "closet", "10.0.0.1:3493/rack"), poll(40))
    assert rows(
        connection, "select configured, first_seen_at < last_sample_at from ups where name = 'rack@closet'"
    ) == [(1, 1)]


def test_a_sample_and_its_hour(connection):
    store = store_of(connection, HOUSE)
    topics = commit(
        store,
        connection,
        poll(0),
        poll(10, variables={"input_voltage": "228.0"}),
        poll(20, variables={"input_voltage": "-"}),
    )
    assert {"ups", "ups_samples", "ups_variables", "polls"} <= topics
    assert rows(connection, "select input_voltage, watts, watts_rule from ups_samples")[2] == (
        None,
        360,
        "measured",
    )
    assert rows(
        connection,
        """select samples, covered_s, wh, input_voltage_min, input_voltage_avg, input_voltage_max
        from ups_samples_hourly""",
    ) == [(3, 20, 2, 228, 229, 230)]


def test_an_hour_goes_on_after_a_restart_and_the_time_between_is_not_covered(connection):
    commit(store_of(connection, HOUSE), connection, poll(0), poll(10))
    again = store_of(connection, HOUSE)
    commit(again, connection, poll(20, variables={"input_voltage": "200"}), poll(30))
    assert rows(
        connection,
        "select samples, covered_s, wh, input_voltage_min, input_voltage_avg from ups_samples_hourly",
    ) == [(4, 20, 2, 200, 222.5)]


def test_a_write_that_fails_is_made_again_with_nothing_lost_or_counted_twice(connection):
    store = store_of(connection, replace(HOUSE, nut=(NutServerSettings("closet", "10.0.0.1"),)))
    for item in (UpsFound("rack@closet", "closet", "10.0.0.1:3493/rack"), poll(0), poll(10, status="OB")):
        store.absorb(item)

    def fail_to_commit():
        with transaction(connection):
            store.write(connection)
            raise OSError("no space left on device")

    for _ in range(2):
        with pytest.raises(OSError, match="no space"):
            fail_to_commit()
    commit(store, connection, poll(12, status="OL"))
    for table, count in (("ups_samples", 3), ("events", 1), ("polls", 1)):
        assert rows(connection, f"select count(*) from {table}") == [(count,)]
    assert rows(connection, "select ended_at is not null from events") == [(1,)]
    assert rows(connection, "select samples from ups_samples_hourly") == [(3,)]


def test_variables_keep_the_time_they_changed_and_settings_their_history(connection):
    store = store_of(connection, HOUSE)
    commit(store, connection, poll(0, variables={"ups_id": "a", "ups_alarm": "hot"}))
    commit(
        store,
        connection,
        poll(10, variables={"ups_id": "b", "battery_charge": "99"}),
        poll(20, variables={"ups_id": "b", "device_model": "Y"}),
    )
    held = {
        name: (value, changed)
        for name, value, changed in rows(connection, "select variable, value, changed_at from ups_variables")
    }
    assert (
        held["ups.id"] == ("b", "2027-01-15T08:00:10.000Z")
        and held["ups.realpower"][1] == "2027-01-15T08:00:00.000Z"
    )
    assert "ups.alarm" not in held
    assert rows(connection, "select variable, old, value from ups_variable_changes") == [
        ("ups.id", "a", "b"),
        ("device.model", "X", "Y"),
    ]
    assert rows(
        connection, "select number, writable from ups_variables where variable = 'battery.charge'"
    ) == [(100.0, 1)]


def test_polls_are_runs_of_equal_outcome_with_the_quiet_ones_in_them(connection):
    store = store_of(connection, HOUSE)
    failed = {"status": "", "variables": None, "outcome": "stale", "where": "device", "message": "cable"}
    commit(
        store,
        connection,
        poll(0),
        poll(10, coalesced=4, coalesced_at=START + 8, coalesced_monotonic=8),
        poll(20, coalesced=4, coalesced_at=START + 18, coalesced_monotonic=18, **failed),
        poll(22, **failed),
    )
    commit(store, connection, poll(24, status="WAIT"), poll(26))
    assert rows(
        connection,
        """select outcome, count, detail, substr(started_at, 18, 2), substr(ended_at, 18, 2)
        from polls order by id""",
    ) == [
        ("ok", 10, "", "00", "18"),
        ("stale", 2, "cable", "20", "22"),
        ("wait", 1, "the server has no data from the driver yet", "24", "24"),
        ("ok", 1, "", "26", "26"),
    ]
    assert rows(connection, "select count(*) from ups_samples") == [(3,)]
    assert rows(connection, "select outcome, status from ups where name = 'rack@closet'") == [("ok", "OL")]


@pytest.mark.parametrize("moved", [3 * 3600, -7186, 57 * 31_557_600, 1.5])
def test_a_step_of_the_clock_ends_a_run_of_polls(connection, moved):
    store = store_of(connection, HOUSE)
    set_later = [replace(poll(seconds), at=START + seconds + moved) for seconds in (20, 30)]
    commit(store, connection, poll(0), poll(10), *set_later)
    runs = [(START, START + 10), (START + 20 + moved, START + 30 + moved)]
    assert rows(connection, "select count, started_at, ended_at from polls order by id") == [
        (2, format_utc(first), format_utc(last)) for first, last in runs
    ]


def test_the_configs_power_factor_and_watts_are_used_where_the_device_has_none(connection):
    settings = {
        "rack@closet": UpsSettings(realpower_nominal=900),
        "desk@closet": UpsSettings(power_factor=0.8),
    }
    store = store_of(connection, replace(HOUSE, ups=settings))
    load = {"ups.status": "OL", "ups.load": "50"}
    commit(
        store,
        connection,
        poll(0, variables={}),
        replace(poll(1), variables=load),
        replace(poll(0, ups="desk@closet"), variables=load | {"ups.power.nominal": "1000"}),
    )
    assert rows(connection, "select watts, watts_rule from ups_samples") == [
        (360, "measured"),
        (450, "load x nominal W"),
        (400, "load x nominal VA x power factor"),
    ]


def test_tariffs_are_written_when_they_differ(connection):
    tariffs = tariff_rows(
        Config(
            energy=(
                Tariff(0.32, "EUR", "2026-01-01", "2026-12-31", "22-6", "mon-fri, sun"),
                Tariff(0.4, "EUR", "2027-01-01"),
            )
        )
    )
    save_tariffs(connection, tariffs)
    changes = connection.total_changes
    save_tariffs(connection, tariffs)
    assert connection.total_changes == changes
    assert rows(connection, "select valid_from, valid_to, hours, days, price_per_kwh from tariffs") == [
        ("2026-01-01", "2026-12-31", "00,01,02,03,04,05,22,23", "mon,tue,wed,thu,fri,sun", 0.32),
        ("2027-01-01", None, "", "", 0.4),
    ]


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (parse_hours, "7", "'7' are no hours"),
        (parse_hours, "25-3", "'25-3' are no hours"),
        (parse_hours, "7:30-9", "'7:30-9' are no hours"),
        (parse_days, "monday", "'monday' are no days"),
        (parse_days, "sat-x", "'sat-x' are no days"),
    ],
)
def test_hours_and_days_that_are_none_are_refused(parse, text, message):
    with pytest.raises(ValueError, match=message):
        parse(text)


def clients(connection):
    rows = (
        "select u.name, c.address, logins, since_at, checked_at from ups_clients c join ups u on u.id = c.ups"
    )
    return [tuple(row) for row in connection.execute(f"{rows} order by u.name, c.address")]


def asked(connection, name="rack@closet"):
    return connection.execute("select clients_at from ups where name = ?", (name,)).fetchone()[0]


def test_programs_that_watch_a_ups_come_stay_and_go(connection):
    store = store_of(connection, HOUSE)

    def tell(seconds, logins, ups="rack@closet"):
        return commit(store, connection, UpsClients(ups, START + seconds, logins))

    assert tell(0, {"10.0.0.5": 1, "::1": 2}) == {"ups_clients"}
    first = clients(connection)[0][3]
    assert clients(connection) == [
        ("rack@closet", "10.0.0.5", 1, first, first),
        ("rack@closet", "::1", 2, first, first),
    ]
    tell(900, {"10.0.0.9": 1, "::1": 1})
    later = asked(connection)
    assert clients(connection) == [
        ("rack@closet", "10.0.0.9", 1, later, later),
        ("rack@closet", "::1", 1, first, later),
    ]
    tell(900, {"10.0.0.5": 1}, "desk@closet")
    store = store_of(connection, HOUSE)  # after a restart
    tell(1800, {})
    assert [row[:3] for row in clients(connection)] == [("desk@closet", "10.0.0.5", 1)]
    assert asked(connection) > later and asked(connection, "garage") is None
    tell(2700, None)  # another server, which does not tell
    assert asked(connection) is None


def test_programs_of_a_ups_that_is_found_in_the_same_commit(connection):
    config = replace(HOUSE, nut=(NutServerSettings("closet", "10.0.0.1"),))
    store = store_of(connection, config)
    found = UpsFound("rack@closet", "closet", "10.0.0.1:3493/rack")
    commit(store, connection, found, UpsClients("rack@closet", START, {"127.0.0.1": 1}))
    assert [row[:3] for row in clients(connection)] == [("rack@closet", "127.0.0.1", 1)]


def test_the_log_has_changes_at_info_and_samples_at_debug(connection, caplog):
    store = store_of(connection, HOUSE)
    caplog.set_level("INFO")
    commit(store, connection, *(poll(10 * n) for n in range(50)))
    assert caplog.messages == []
    commit(store, connection, poll(500, variables={"ups_status": "OB"}, status="OB"))
    commit(store, connection, poll(510))
    assert [message.split(":")[1].split()[0] for message in caplog.messages] == [
        "ONBATT",
        "ONBATT",
    ]
    caplog.clear()
    caplog.set_level("DEBUG")
    commit(store, connection, poll(520))
    assert any("230 V" in message for message in caplog.messages)


def ep20(seconds, status="OL", charge="255", charger="floating"):
    """A poll of an EP20 that reports an impossible charge and no runtime."""
    volts = "230.0" if status == "OL" else "0.0"
    variables = VARIABLES | {"battery.charge": charge, "battery.charger.status": charger}
    variables |= {"ups.status": status, "input.voltage": volts}
    return Poll("garage", START + seconds, seconds, 10.0, status=status, variables=variables)


def estimates(connection):
    overview = "select charge_basis, runtime_basis from ups_overview where name = 'garage'"
    sample = "select battery_charge, battery_runtime from ups_samples order by id desc limit 1"
    return rows(connection, overview)[0], rows(connection, sample)[0]


def test_an_ep20_whose_charge_cannot_be_has_one_estimated_from_its_own_discharge(connection):
    store = store_of(connection, HOUSE)
    commit(store, connection, UpsFound("garage", "garage", "/dev/x", ""), ep20(0))
    nothing = "not reported: no discharge to learn from yet"
    assert estimates(connection) == ((nothing, nothing), (None, None))
    on_battery = [ep20(10 * n, "OB DISCHRG", charger="discharging") for n in range(1, 40)]
    low = [ep20(10 * n, "OB DISCHRG LB", charger="discharging") for n in range(40, 45)]
    commit(store, connection, *on_battery, *low, ep20(450, charger="charging"))
    one = "estimated from 1 discharge of its own"
    assert estimates(connection) == ((one, one), (None, None))  # what was put back is not measured
    commit(store, connection, ep20(460))
    full_s = rows(connection, "select figures ->> '$.seconds_to_low' from events where event = 'ONBATT'")[0][
        0
    ]
    assert estimates(connection) == ((one, one), (100, full_s))
    commit(
        store, connection, *(ep20(460 + 10 * n, "OB DISCHRG", charger="discharging") for n in range(1, 12))
    )
    (charge, runtime) = estimates(connection)[1]
    assert charge == pytest.approx(100 - 100 * 100 / full_s, abs=1) and runtime == round(
        full_s * charge / 100
    )
    store = store_of(connection, HOUSE)  # after a restart
    commit(store, connection, ep20(580, "OB DISCHRG", charger="discharging"))
    assert estimates(connection)[1][0] < charge
    commit(store, connection, ep20(590, "OB DISCHRG", charge="40", charger="discharging"))
    assert estimates(connection)[0][0] == "" and estimates(connection)[1][0] == 40


def test_a_server_that_changes_every_setting_with_each_poll_fills_no_history(connection):
    """The values are kept up to date; of their changes so many a minute."""
    store = store_of(connection, HOUSE)
    names = frozenset(f"outlet.{n}.id" for n in range(400))
    for second in range(0, 600, 10):
        variables = {name.replace(".", "_"): str(second) for name in names}
        store.absorb(poll(second, variables=variables, writable=names, settings=names))
    commit(store, connection)
    [(changes,)] = rows(connection, "select count(*) from ups_variable_changes")
    assert 500 <= changes <= 500 + 10 * 20
    held = rows(connection, "select distinct value from ups_variables where variable like 'outlet.%'")
    assert held == [("590",)]


def set_limit(connection, key, value, ups="rack@closet"):
    (number,) = connection.execute("select id from ups where name = ?", (ups,)).fetchone()
    save_setting(connection, f"ups/{number}", key, value, "anna")


def open_events(connection):
    return [
        row[0] for row in connection.execute("select event from events where ended_at is null order by id")
    ]


def test_a_limit_that_a_user_sets_counts_from_the_next_sample(connection):
    limits = Limits(load_max=70.0)
    config = replace(HOUSE, ups={"rack@closet": UpsSettings(limits=limits)})
    store = store_of(connection, config)
    load = {"ups.load": "60"}
    commit(store, connection, *(poll(at, variables=load) for at in (0, 10)))
    assert open_events(connection) == []
    set_limit(connection, "load_max", "50")
    assert store.poll(connection, True) is False
    commit(store, connection, *(poll(at, variables=load) for at in (20, 30)))
    assert open_events(connection) == ["LOAD_HIGH"]
    restarted = store_of(connection, config)  # which goes on with it
    commit(restarted, connection, *(poll(at, variables=load) for at in (40, 50)))
    assert open_events(connection) == ["LOAD_HIGH"]
    set_limit(connection, "load_max", "off")
    restarted.poll(connection, True)
    commit(restarted, connection, *(poll(at, variables=load) for at in (60, 70)))
    assert open_events(connection) == []
    set_limit(connection, "load_max", "")  # the config's counts again
    restarted.poll(connection, True)
    commit(restarted, connection, *(poll(at, variables={"ups.load": "75"}) for at in (80, 90)))
    assert open_events(connection) == ["LOAD_HIGH"]


def test_limits_that_exclude_each_other_leave_those_of_the_config():
    config = Limits(input_transfer_low=180.0, input_transfer_high=260.0)
    assert apply_limits(config, {"input_transfer_low": 270.0}) == config
    assert apply_limits(config, {"input_transfer_low": 190.0}).input_transfer_low == 190.0
    assert apply_limits(config, {"charge_min": None}).charge_min is None


@pytest.mark.parametrize(
    ("key", "text", "stored"),
    [("load_max", "80.50", "80.5"), ("load_max", "OFF", "off"), ("temperature_max", "-5,5", "-5.5")],
)
def test_a_limit_as_text(key, text, stored):
    assert parse_setting("ups", key, text) == stored


@pytest.mark.parametrize("text", ["0", "201", "nan", "1e1", "much", "80 %", "1_0"])
def test_a_text_that_is_no_limit(text):
    with pytest.raises(SettingError, match=r"load_max is .* it is 1 to 200 %, or off"):
        parse_setting("ups", "load_max", text)
