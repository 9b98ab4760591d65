"""Simulated sites for fleet.py: databases of a year with hourly figures, batteries, outages and firmware.

The rows are inserted as ingest would have left them once the retention has deleted messages and samples; the
same number makes the same site. Mains fail in a whole region at once.
"""

import random
import shutil
from contextlib import closing
from datetime import UTC, datetime, timedelta

from ingest.db.connection import connect, transaction

REGIONS = ("north", "south", "east", "west", "coast")
MODELS = ("Smart-UPS 1500", "Back-UPS 900", "5E850I", "CP1500PFCLCD")
SKETCHES = (("Room", 10), ("Soil", 11), ("Door", 12))
NODES, UPSES = 6, 2
END = datetime(2026, 11, 1, tzinfo=UTC)


def stamp(at):
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def region_of(number):
    return REGIONS[number % len(REGIONS)]


def regional_outages(region, days):
    """(start, seconds) of the failures of a region."""
    rnd = random.Random(f"region {region}")
    first = END - timedelta(days=365)
    found = [
        (first + timedelta(seconds=rnd.uniform(0, 365 * 86400)), rnd.expovariate(1 / 900)) for _ in range(30)
    ]
    return sorted((at, seconds) for at, seconds in found if at >= END - timedelta(days=days))


def make_site(template, folder, number, days):
    """The folder of a site, with its config; returns the config's path."""
    folder.mkdir(parents=True)
    shutil.copyfile(template, folder / "telemetry.db")
    config = folder / "config.yml"
    config.write_text(
        f"title: Site {number}\ntimezone: UTC\ndatabase: telemetry.db\n"
        "gateways: [{name: main, tcp: '127.0.0.1:1'}]\n"
    )
    with closing(connect(folder / "telemetry.db", durable=False)) as connection, transaction(connection):
        connection.execute("update site set key = ?", (f"{number:08x}",))
        rnd = random.Random(number)
        _nodes(connection, rnd, days)
        _upses(connection, rnd, number, days)
    return config


def _nodes(connection, rnd, days):
    first, last = stamp(END - timedelta(days=days)), stamp(END)
    connection.execute(
        "insert into gateways (id, name, address, configured, first_seen_at, last_seen_at) "
        "values (0, 'main', 'tcp 127.0.0.1:1', 1, ?, ?)", (first, last),
    )  # fmt: skip
    for node in range(1, NODES + 1):
        sketch, type = SKETCHES[node % len(SKETCHES)]
        slope, begin = rnd.uniform(0.05, 0.4), rnd.uniform(60, 100)
        levels = [max(0.0, round(begin - slope * day, 1)) for day in range(days)]
        connection.execute(
            "insert into nodes (id, name, gateway, node_id, sketch_name, sketch_version, battery_level, "
            "first_seen_at, last_seen_at) values (?, ?, 0, ?, ?, ?, ?, ?, ?)",
            (node, f"Node {node}", node, sketch, rnd.choice(("1.0", "1.1", "2.0")), levels[-1], first, last),
        )
        connection.execute(
            "insert into node_firmware (node, type, version, reported_at) values (?, ?, ?, ?)",
            (node, type, rnd.choice((1, 2, 2, 3)), last),
        )
        connection.executemany(
            "insert into battery_levels (received_at, node, level) values (?, ?, ?)",
            [
                (stamp(END - timedelta(days=days - day, hours=-6)), node, level)
                for day, level in enumerate(levels)
            ],
        )
    sensor, channel = 256 * 1 + 1, 256 * (256 * 1 + 1)
    connection.execute("insert into sensors (id, name, node, child_id) values (?, 'Room', 1, 1)", (sensor,))
    connection.execute(
        "insert into channels (id, name, node, sensor, type, type_name) "
        "values (?, 'Room', 1, ?, 0, 'V_TEMP')",
        (channel, sensor),
    )
    warm = rnd.uniform(17, 24)
    connection.executemany(
        "insert into readings_hourly (channel, hour_at, count, min, avg, max, numbers) "
        "values (?, ?, 12, ?, ?, ?, 12)",
        [
            (channel, stamp(END - timedelta(hours=hour)), value - 0.5, value, value + 0.5)
            for hour in range(days * 24, 0, -1)
            for value in (round(warm + 3 * (hour % 24 > 12) + rnd.gauss(0, 0.3), 2),)
        ],
    )


def _upses(connection, rnd, number, days):
    outages = regional_outages(region_of(number), days)
    hours = {at.replace(minute=0, second=0, microsecond=0): seconds for at, seconds in outages}
    for ups in range(1, UPSES + 1):
        watts, weak = rnd.uniform(60, 400), rnd.uniform(0.005, 0.05)
        connection.execute(
            "insert into ups (id, name, driver, source, label, mfr, model, firmware, battery_changed_at) "
            "values (?, ?, 'nut', 'closet', ?, 'Maker', ?, ?, ?)",
            (ups, f"ups{ups}@closet", f"UPS {ups}", rnd.choice(MODELS), rnd.choice(("1.2", "1.3", "2.0")),
             stamp(END - timedelta(days=rnd.randrange(100, 1500)))),
        )  # fmt: skip
        rows = []
        for hour in range(days * 24, 0, -1):
            at = END - timedelta(hours=hour)
            out = hours.get(at, 0.0)
            load = watts * rnd.uniform(0.8, 1.2)
            low = 0.0 if out else 230 - abs(rnd.gauss(0, 9))
            charge = round(max(5.0, 100 - weak * out), 1)
            rows.append((ups, stamp(at), 360, 3600.0, out, 0.0, 0.0, round(load, 1), round(low, 1), charge))
        connection.executemany(
            "insert into ups_samples_hourly (ups, hour_at, samples, covered_s, on_battery_s, trim_s, "
            "boost_s, wh, input_voltage_min, battery_charge_min) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        connection.executemany(
            "insert into events (event, ups, started_at, ended_at, complete) values ('ONBATT', ?, ?, ?, 1)",
            [(ups, stamp(at), stamp(at + timedelta(seconds=seconds))) for at, seconds in outages],
        )
