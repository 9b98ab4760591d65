"""The query message_statistics against sums over the rows of node_daily, one after the other."""

import random
from contextlib import closing
from itertools import groupby

import pytest

from ingest.db.connection import connect
from ingest.mysensors.interval_stats import series_key
from ingest.schema.migrate import migrate
from reporting.canned_queries import QueryReader, load_queries
from reporting.sql_functions import register

DAYS = 40
KEEPALIVE = (2, 14, 22)
SERIES = (  # child, command, type, name of the type
    (None, None, None, None),
    (255, None, None, None),
    (255, 3, 2, "I_VERSION"),
    (255, 3, 22, "I_HEARTBEAT_RESPONSE"),
    (255, 3, 0, "I_BATTERY_LEVEL"),
    (1, None, None, None),
    (1, 1, 0, "V_TEMP"),
    (1, 1, 1, "V_HUM"),
)
COLUMNS = (
    "day series node sensor child_id command type type_name messages intervals "
    "min_interval_s avg_interval_s max_interval_s".split()
)


@pytest.fixture
def connection(tmp_path):
    migrate(tmp_path / "telemetry.db")
    with closing(connect(tmp_path / "telemetry.db", durable=False)) as opened:
        register(opened, "UTC")
        yield opened


def fill(connection):
    """Rows of two gateways with two nodes each, on most days; a sensor is known from the second week on."""
    rnd = random.Random(31)
    days = [
        connection.execute(f"select date('now', 'localtime', '-{number} days')").fetchone()[0]
        for number in reversed(range(DAYS))
    ]
    rows = []
    connection.execute("begin")
    for gateway in (0, 1):
        connection.execute("insert into gateways (id, name, address) values (?1, 'g' || ?1, '')", (gateway,))
        for node in (256 * gateway, 256 * gateway + 7):
            connection.execute(
                "insert into nodes (id, name, gateway, node_id) values (?, '', ?, ?)",
                (node, gateway, node % 256),
            )
            connection.execute(
                "insert into sensors (id, name, node, child_id, description) values (?, '', ?, 1, 'Air')",
                (256 * node + 1, node),
            )
            for child, command, type, name in SERIES:
                keys = [-1 if key is None else key for key in (child, command, type)]
                for number, day in enumerate(days):
                    if rnd.random() < 0.3:
                        continue
                    gaps = rnd.randrange(3)
                    least = rnd.uniform(0, 60) if gaps else None
                    mean = least + rnd.uniform(0, 600) if gaps else None
                    longest = mean + rnd.uniform(0, 600) if gaps else None
                    sensor = 256 * node + 1 if child == 1 and number > 7 else None
                    key = series_key(node, *keys)
                    numbers = (rnd.randrange(1, 50), gaps, least, mean, longest)
                    rows.append((day, key, node, sensor, child, command, type, name, *numbers))
    places = ", ".join("?" * len(COLUMNS))
    connection.executemany(f"insert into node_daily ({', '.join(COLUMNS)}) values ({places})", rows)
    connection.execute("commit")
    return days, [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def per_of(row):
    return "node" if row["child_id"] is None else "sensor" if row["type"] is None else "type"


def expected(rows, today, since):
    """What the query says of these rows: (node, child, command, type) -> figures."""
    rows = [row for row in rows if row["day"] >= since]
    quiet = {}
    for row in rows:
        if row["node"] % 256 == 0 and row["command"] == 3 and row["type"] in KEEPALIVE:
            quiet[row["node"]] = quiet.get(row["node"], 0) + row["messages"]
    found = {}
    for _, group in groupby(sorted(rows, key=lambda row: (row["series"], row["day"])), lambda r: r["series"]):
        days = list(group)
        last, messages = days[-1], sum(row["messages"] for row in days)
        timed = [row for row in days if row["avg_interval_s"] is not None]
        is_quiet = last["node"] % 256 == 0 and last["command"] == 3 and last["type"] in KEEPALIVE
        if per_of(last) == "type":
            keepalive = messages if is_quiet else 0
        else:
            keepalive = quiet.get(last["node"], 0) if last["child_id"] in (None, 255) else 0
        total, intervals = 0.0, 0
        for row in timed:
            total, intervals = total + row["avg_interval_s"] * row["intervals"], intervals + row["intervals"]
        found[tuple(last[name] for name in ("node", "child_id", "command", "type_name"))] = {
            "per": per_of(last),
            "sensor": last["sensor"],
            "messages": messages - keepalive,
            "keepalive": keepalive,
            "first_day": days[0]["day"],
            "last_day": last["day"],
            "min_interval_s": timed and round(min(row["min_interval_s"] for row in timed), 3),
            "avg_interval_s": timed and round(total / intervals, 1),
            "max_interval_s": timed and round(max(row["max_interval_s"] for row in timed), 1),
        }
    return found


COMMANDS = {None: None, "set": 1, "internal": 3}


def test_sums_are_those_of_the_rows(connection):
    days, rows = fill(connection)
    reader = QueryReader(connection, load_queries())
    cases = (
        ({}, 30, lambda row: True),
        ({"days": "7"}, 7, lambda row: True),
        ({"days": "1"}, 1, lambda row: True),
        ({"node": "7", "days": "90"}, DAYS, lambda row: row["node"] == 7),
        ({"node": "0"}, 30, lambda row: row["node"] == 0),
        ({"per": "node"}, 30, lambda row: per_of(row) == "node"),
        (
            {"per": "sensor", "child": "255"},
            30,
            lambda row: per_of(row) == "sensor" and row["child_id"] == 255,
        ),
        ({"type": "V_TEMP", "days": "12"}, 12, lambda row: row["type_name"] == "V_TEMP"),
        ({"sensor": "1793"}, 30, lambda row: row["sensor"] == 1793),
    )
    for params, count, wanted in cases:
        answer = reader.run("message_statistics", params)
        everything = expected(rows, days[-1], days[-count])
        chosen = {
            (row["node"], row["child_id"], row["command"], row["type_name"]) for row in rows if wanted(row)
        }
        figures = {key: value for key, value in everything.items() if key in chosen}
        found = {
            (row["node"], row["child_id"], COMMANDS[row["command"]], row["type"]): {
                name: row[name] for name in next(iter(figures.values()))
            }
            for row in answer
        }
        assert found == {
            key: {name: None if value == [] else value for name, value in one.items()}
            for key, one in figures.items()
        }, params
        assert len(found) == len(answer)
