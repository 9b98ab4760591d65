"""Canned queries that are written to read little find what their plain form finds, to the last digit."""

import json
import random
import time
from contextlib import closing
from pathlib import Path

import pytest

from ingest.db.connection import connect
from ingest.db.time import format_utc
from ingest.mysensors.replay import replay
from ingest.schema.migrate import migrate
from ingest.yaml_files import read_yaml
from reporting.canned_queries import load_queries
from reporting.sql_functions import register

PLAIN = read_yaml(Path(__file__).with_name("plain_queries.yml"))
NODES, CHILDREN, DAYS, EVERY_S, OLD = 4, 3, 40, 4200, 19_000
HALF_PAST = 1800
NOW = time.time() // 3600 * 3600 - HALF_PAST  # no hour begins between two runs of a query
# Messages of one kind, so that the newest 20,000 of their node and of all end among the others.
MORE = f"""with recursive n (number) as (select 1 union all select number + 1 from n where number < {OLD})
insert into messages (received_at, gateway, node, node_id, child_id, command, echo, type, type_name, payload)
select '2026-01-01T00:00:00.000Z', 0, 2, 2, 1, 1, 0, 0, 'V_TEMP', number from n"""
MOST = 5000
WHOLE = {"until": format_utc(NOW)}
RANGES = ({"range": "1 d"}, {"range": "48 h"}, {}, {"range": "30 d"}, {"range": "200 d"})
CHANNELS = ({}, {"channel": "131328"}, {"channel": "131329"}, {"node": "1"}, {"type": "V_HUM"}, {"node": "9"})
OF_UPSES = ({}, {"ups": "2"}, {"ups": "b,c"}, {"ups": "x"})
PARAMS = {
    "message_statistics": [
        {**days, **which}
        for days in ({}, {"days": "1"}, {"days": "9"}, {"days": "4000"})
        for which in (
            {},
            {"node": "2"},
            {"sensor": "513"},
            {"child": "1"},
            {"type": "V_TEMP"},
            {"per": "type"},
        )
    ],
    "node_messages": [
        {**node, **kind}
        for node in ({}, {"node": "2"}, {"node": "1", "sensor": "258"}, {"sensor": "513"}, {"node": "99"})
        for kind in (
            {},
            {"type": "V_HUM"},
            {"command": "internal"},
            {"child": "2"},
            {"child": "1", "type": "X"},
        )
    ],
    "channel_history": [{**WHOLE, **span, **which} for span in RANGES for which in CHANNELS],
    "channel_histogram": [{**WHOLE, **span, **which} for span in RANGES for which in CHANNELS],
    "load_report": [{**WHOLE, **span, **which} for span in RANGES for which in OF_UPSES],
    **{
        name: [
            {**WHOLE, "since": format_utc(NOW - 86_400 * days), **which, **per}
            for days in (1, 2, 7, 30, 200)
            for which in OF_UPSES
            for per in ({}, {"per": "week"}, {"per": "month"}, {"per": "whole"})
        ]
        for name in ("energy_by_day", "power_quality", "monitoring_coverage")
    },
    "energy_by_hour": [{**WHOLE, **span, **which} for span in RANGES for which in OF_UPSES],
    "channel_by_hour": [{**WHOLE, **span, **which} for span in RANGES for which in CHANNELS],
}


def add_ups_hours(connection):
    """Hours of UPSes with few and many hours that count; equal ones among them."""
    rnd = random.Random(6)
    for ups, name, hours in ((1, "c", 900), (2, "b", 19), (3, "a", 20), (4, "d", 0)):
        connection.execute(
            """insert into ups (id, name, driver, source, label, first_seen_at)
            values (?, ?, 'nut', 'closet', '', ?)""",
            (ups, name, format_utc(NOW - 3600 * hours - 900)),
        )
        add_polls_and_events(connection, rnd, ups, hours)
        for number in range(hours):
            low, middle, high = sorted(rnd.choice((rnd.gauss(300, 50) / 3, 99.0)) for _ in range(3))
            figures = rnd.choice(((low, middle, high), (low, middle, high), (None, None, None)))
            if hours <= 20:
                figures = low, middle, high
            on_battery_s = rnd.choice((0, 0, 0, rnd.uniform(0, 900)))
            connection.execute(
                """insert into ups_samples_hourly (ups, hour_at, samples, covered_s, on_battery_s, trim_s,
                boost_s, wh, watts_min, watts_avg, watts_max, ups_load_min, ups_load_avg, ups_load_max,
                input_voltage_min, input_voltage_avg, input_voltage_max, input_frequency_min,
                input_frequency_max) values (?, ?, 9, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                (
                    ups,
                    format_utc(NOW - 3600 * (number + 1) + HALF_PAST),
                    rnd.uniform(0, 3600),
                    on_battery_s,
                    rnd.uniform(0, 60),
                    rnd.choice((0, rnd.uniform(0, 60))),
                    low,
                    *figures,
                    *figures,
                    *figures,
                    rnd.uniform(49, 50),
                    rnd.uniform(50, 51),
                ),
            )


def add_polls_and_events(connection, rnd, ups, hours):
    """A run of polls over all hours and failures in some; events that queries count."""
    begin = NOW - 3600 * hours
    connection.execute(
        """insert into polls (ups, started_at, ended_at, outcome, count) values (?1, ?2, ?3, 'ok', 5000),
        (?1, ?3, ?4, 'silent', 7), (?1, ?5, ?5, 'refused', 1)""",
        (ups, *(format_utc(begin + 3600 * hours * share) for share in (0, 0.7, 0.72, 0.9))),
    )
    for number in range(hours // 20):
        event = rnd.choice(("ONBATT", "INPUT_LOW", "VOLTAGE"))
        figures = {"lowest": rnd.uniform(180, 260), "low": 200, "highest": rnd.uniform(180, 260), "high": 250}
        at = format_utc(begin + 3600 * 20 * (number + rnd.random()))
        connection.execute(
            """insert into events (event, ups, started_at, ended_at, detail, figures)
            values (?1, ?2, ?3, ?3, '', ?4)""",
            (event, ups, at, json.dumps(figures)),
        )


def add_tariffs(connection):
    """Tariffs of some hours, some days, some time, in two currencies, and time without one."""
    for row in (
        (format_utc(NOW - 30 * 86_400)[:10], None, "", "", 0.3, "EUR"),
        (format_utc(NOW - 20 * 86_400)[:10], None, "22,23,00,01,02", "", 0.2, "EUR"),
        (format_utc(NOW - 10 * 86_400)[:10], format_utc(NOW - 5 * 86_400)[:10], "", "sat,sun", 0.1, "CHF"),
    ):
        connection.execute(
            """insert into tariffs (valid_from, valid_to, hours, days, price_per_kwh, currency)
            values (?, ?, ?, ?, ?, ?)""",
            row,
        )


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    """Nodes with random values; hours that do not count, have no mean, or one of many digits."""
    path = tmp_path_factory.mktemp("plain") / "telemetry.db"
    migrate(path)
    rnd = random.Random(5)
    lines = []
    for at in range(int(NOW) - DAYS * 86_400, int(NOW), EVERY_S):
        for node in range(1, NODES + 1):
            lines += [(at, f"{node};255;3;0;0;{rnd.randrange(40, 90)}".encode())]
            lines += [
                (at + child, f"{node};{child};1;0;{rnd.randrange(2)};{rnd.gauss(20, 3):.{node}f}".encode())
                for child in range(CHILDREN)
                if rnd.random() < 0.8
            ]
    replay(path, "main", "main:5003", lines, "Europe/Rome")
    with closing(connect(path, durable=False)) as opened:
        register(opened, "Europe/Rome")
        opened.execute("update readings_hourly set wrong = 'spike' where random() % 40 = 0")
        opened.execute(
            "update readings_hourly set avg = null, min = null, max = null where random() % 40 = 0"
        )
        opened.execute("update readings_hourly set numbers = 0 where random() % 40 = 0")
        opened.execute("update readings_hourly set avg = avg / 3, min = min / 7, max = max / 7 + 1e12 / 3")
        opened.execute("update readings_hourly set avg = 21.0 where channel = (select max(id) from channels)")
        opened.execute(MORE)
        add_ups_hours(opened)
        add_tariffs(opened)
        yield opened


def found(connection, sql, params):
    """Names of columns and rows; rows of the same time in a fixed order."""
    cursor = connection.execute(sql, params)
    rows = cursor.fetchall()
    times = [row[0] for row in rows] if cursor.description[0][0] == "at" else []
    assert times == sorted(times, reverse=True)
    return [column[0] for column in cursor.description], sorted(rows, key=repr) if times else rows


@pytest.mark.parametrize("name", PLAIN)
def test_the_same_is_found(connection, name):
    query, lengths = load_queries()[name], []
    for params in PARAMS[name]:
        columns, rows = found(connection, query.sql, query.fill(params))
        plain_columns, plain_rows = found(connection, PLAIN[name], query.fill(params))
        if len(rows) > MOST:  # all that an answer shows
            last = min(row[0] for row in rows)
            plain_rows = [row for row in plain_rows if row[0] >= last]
        assert (columns, rows) == (plain_columns, plain_rows), params
        lengths.append(len(rows))
    assert max(lengths) > (2 if name == "load_report" else 40)
