"""Nutify databases in its layouts, with the DDL of its published schema files and models."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta

OLDEST = """
create table ups_static_data (id integer primary key, timestamp datetime, device_model text, device_mfr
  text, device_serial text, ups_firmware text);
create table ups_dynamic_data (id integer primary key autoincrement, timestamp_tz datetime not null,
  ups_status text, ups_load real,
  ups_realpower real, ups_realpower_hrs real, ups_realpower_nominal real, input_voltage real,
    output_voltage real,
  battery_charge real, battery_voltage real, battery_runtime integer, ups_realpower_days decimal(10,2));
create table ups_events_socket (id integer primary key autoincrement, timestamp_tz datetime not null,
  timestamp_tz_begin datetime,
  timestamp_tz_end datetime, ups_name varchar(255), event_type varchar(50), event_message text, source_ip
    varchar(45), acknowledged boolean default 0);
"""
OLD = (
    OLDEST.replace("timestamp_tz", "timestamp_utc")
    .replace("ups_events_socket", "ups_events")
    .replace("timestamp datetime", "timestamp_utc datetime")
)
NEW = """
create table ups_monitor_targets (id integer not null, name varchar(120) not null, ups_name varchar(120)
  not null, host varchar(255) not null,
  port integer not null, primary key (id), unique (name));
create table ups_monitor_data (id integer not null, target_id integer not null, timestamp_utc datetime not
  null, shard_key varchar(20),
  ups_status varchar(255), ups_load float, ups_realpower float, ups_realpower_nominal float,
    battery_charge float, battery_runtime float,
  battery_voltage float, input_voltage float, output_voltage float, device_model varchar(255),
    device_serial varchar(255),
  device_mfr varchar(255), data_json text, raw_json text, created_at datetime, primary key (id),
  foreign key(target_id) references ups_monitor_targets (id) on delete cascade);
create table ups_events (id integer not null, timestamp_utc datetime not null, timestamp_utc_begin
  datetime, timestamp_utc_end datetime,
  ups_name varchar(255), event_type varchar(50), event_message text, source_ip varchar(45), acknowledged
    boolean, target_id integer, primary key (id));
create table ups_opt_mail_config (id integer not null, username varchar(255), password blob, primary key
  (id));
"""
BEGIN = datetime(2026, 6, 1, 10, 0)
OUTAGE = range(300, 330)  # minutes on battery


def _text(at):
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")


def _figures(minute):
    on_battery = minute in OUTAGE
    charge = 100 - 2 * (minute - OUTAGE.start) if on_battery else 100
    return (
        "OB DISCHRG" if on_battery else "OL",
        20.0,
        180.0,
        0.0 if on_battery else 230.5,
        231.0,
        float(charge),
        26.4,
        1800,
    )


def make_old(path, minutes=600, oldest=False):
    db = sqlite3.connect(path)
    db.executescript(OLDEST if oldest else OLD)
    time, events = ("timestamp_tz", "ups_events_socket") if oldest else ("timestamp_utc", "ups_events")
    db.execute("insert into ups_static_data values (1, null, 'Smart-UPS 900', 'APC', 'AS1', 'UPS 09.3')")
    for minute in range(minutes):
        status, load, watts, vin, vout, charge, battery, runtime = _figures(minute)
        db.execute(
            f"insert into ups_dynamic_data ({time}, ups_status, ups_load, ups_realpower, "
            "ups_realpower_nominal, input_voltage, "
            "output_voltage, battery_charge, battery_voltage, battery_runtime) values (?, ?, ?, ?, 900, "
            "?, ?, ?, ?, ?)",
            (
                _text(BEGIN + timedelta(minutes=minute)),
                status,
                load,
                watts,
                vin,
                vout,
                charge,
                battery,
                runtime,
            ),
        )
    _add_events(db, events, time, "")
    db.commit()
    return db


def make_new(path, minutes=600):
    db = sqlite3.connect(path)
    db.executescript(NEW)
    db.execute(
        "insert into ups_monitor_targets values (1, 'Rack', 'rack', '10.0.0.2', 3493), (2, 'Desk', "
        "'desk', '10.0.0.3', 3493)"
    )
    db.execute("insert into ups_opt_mail_config values (1, 'me', x'00ff')")
    for minute in range(minutes):
        status, load, watts, vin, vout, charge, battery, runtime = _figures(minute)
        for target in (1, 2):
            raw = {
                "ups.status": status,
                "input.frequency": "49.9",
                "ups.temperature": "31",
                "device.model": "Smart-UPS 900",
            }
            db.execute(
                "insert into ups_monitor_data (target_id, timestamp_utc, ups_status, ups_load, "
                "ups_realpower, ups_realpower_nominal, "
                "battery_charge, battery_runtime, battery_voltage, input_voltage, output_voltage, "
                "device_mfr, raw_json) "
                "values (?, ?, ?, ?, ?, 900, ?, ?, ?, ?, ?, 'APC', ?)",
                (
                    target,
                    _text(BEGIN + timedelta(minutes=minute, seconds=target)),
                    status,
                    load,
                    watts,
                    charge,
                    runtime,
                    battery,
                    vin,
                    vout,
                    json.dumps(raw),
                ),
            )
    _add_events(db, "ups_events", "timestamp_utc", ", target_id", 1)
    db.commit()
    return db


def _add_events(db, table, time, more, *values):
    """An outage with a low battery in it: Nutify ends each row with the next one."""
    told = [
        (OUTAGE.start, "ONBATT"),
        (OUTAGE.stop - 5, "LOWBATT"),
        (OUTAGE.stop, "ONLINE"),
        (500, "COMMBAD"),
        (502, "COMMOK"),
        (550, "NOPARENT"),
    ]
    for (minute, event), (until, _) in zip(told, [*told[1:], (551, "")], strict=True):
        at, end = _text(BEGIN + timedelta(minutes=minute)), _text(BEGIN + timedelta(minutes=until))
        db.execute(
            f"insert into {table} ({time}, {time}_begin, {time}_end, ups_name, event_type, "
            f"event_message{more}) "
            f"values (?, ?, ?, 'rack@localhost', ?, ?{', ?' * len(values)})",
            (at, at, end, event, f"UPS rack event: {event}", *values),
        )


def make_times(path, times, told=(), on_battery=(0, 0)):
    """Make or go on with a file of one UPS: a sample at each time (unix seconds), events (time, type)."""
    db = sqlite3.connect(path)
    if not db.execute("select count(*) from sqlite_master").fetchone()[0]:
        db.executescript(OLD)

    def text(at):
        return _text(datetime.fromtimestamp(at, UTC))

    db.executemany(
        "insert into ups_dynamic_data (timestamp_utc, ups_status, ups_load, ups_realpower, "
        "ups_realpower_nominal, input_voltage, "
        "output_voltage, battery_charge, battery_voltage, battery_runtime) values (?, ?, 20, 180, 900, "
        "220, 231, 90, 26.4, 1800)",
        [(text(at), "OB" if on_battery[0] <= at < on_battery[1] else "OL") for at in times],
    )
    db.executemany(
        "insert into ups_events (timestamp_utc, timestamp_utc_begin, ups_name, event_type, "
        "event_message) values (?, ?, 'rack@localhost', ?, '')",
        [(text(at), text(at), event) for at, event in told],
    )
    db.commit()
    db.close()
