"""A database with a UPS, a node and their gateway, as ingest leaves it, and a publisher at work on it."""

import asyncio
import time
from contextlib import asynccontextmanager, suppress

from ingest.config.loader import parse_yaml
from ingest.config.model import read_config
from ingest.db.connection import connect
from ingest.db.time import format_utc
from outbound.database import OutboundDatabase
from outbound.mqtt.publisher import MqttPublisher
from tests.helpers.new_database import new_database

VARIABLES = {"ups.status": "OL", "input.voltage": "230.4", "battery.charge": "100", "driver.version": "2.80"}
LISTED = "commands: [test.battery.start.quick, load.off]"


class PublishedHouse:
    """The database, and what ingest would write into it."""

    def __init__(self, path):
        self.path = new_database(path)
        self.connection = connect(self.path)
        self._seq = 0
        now = self.now()
        for source, kind in (("closet", "nut"), ("main", "mysensors")):
            self.run(
                "insert into ingest_status (source, kind, address, state, since_at, heartbeat_at) "
                "values (?, ?, 'x', 'connected', ?, ?)",
                source,
                kind,
                now,
                now,
            )
        self.run(
            "insert into ups (id, name, driver, source, label, status, status_at, outcome, outcome_at, "
            "last_sample_at) values (1, 'rack@closet', 'nut', 'closet', 'Rack', 'OL', ?, 'ok', ?, ?)",
            now,
            now,
            now,
        )
        self.sample()
        for name, value in VARIABLES.items():
            self.variable(name, value)
        self.run("insert into gateways (id, name, address, version) values (0, 'main', 'x', '2.3.2')")
        self.run(
            "insert into nodes (id, name, gateway, node_id, sketch_name, battery_level, last_seen_at) "
            "values (12, '', 0, 12, 'Greenhouse', 87, ?)",
            now,
        )
        for child, sensor, type, symbol, value in ((1, 6, 0, "V_TEMP", 21.5), (2, 3, 2, "V_STATUS", 1)):
            self.run(
                "insert into sensors (id, name, node, child_id, type, type_name, last_seen_at) "
                "values (?, '', 12, ?, ?, ?, ?)",
                12 * 256 + child,
                child,
                sensor,
                {6: "S_TEMP", 3: "S_BINARY"}[sensor],
                now,
            )
            self.run(
                "insert into channels (id, name, node, sensor, type, type_name, value, text, last_at) "
                "values (?, '', 12, ?, ?, ?, ?, ?, ?)",
                (12 * 256 + child) * 256 + type,
                12 * 256 + child,
                type,
                symbol,
                value,
                str(value),
                now,
            )
        self.raise_topics()

    @staticmethod
    def now(ago_s=0.0):
        return format_utc(time.time() - ago_s)

    def run(self, sql, *values):
        return self.connection.execute(sql, values).fetchall()

    def sample(self):
        at = self.now()
        self.run(
            "insert into ups_samples (sampled_at, ups, ups_status, input_voltage, watts) "
            "values (?, 1, 'OL', 230.4, 84)",
            at,
        )
        self.run("update ups set last_sample_at = ?, status_at = ? where id = 1", at, at)

    def variable(self, name, value):
        number = float(value) if value.replace(".", "", 1).isdigit() else None
        self.run(
            "insert into ups_variables (ups, variable, value, number, changed_at) values (1, ?, ?, ?, ?) "
            "on conflict do update set value = excluded.value, number = excluded.number",
            name,
            value,
            number,
            self.now(),
        )
        self.raise_topics()

    def event(self, event="ONBATT", **columns):
        names = {"ups": 1, "started_at": self.now(), **columns}
        marks = ", ".join("?" * (len(names) + 1))
        sql = f"insert into events (event, {', '.join(names)}) values ({marks}) returning id"
        return self.run(sql, event, *names.values())[0][0]

    def end_event(self, number):
        self.run("update events set ended_at = ? where id = ?", self.now(), number)

    def raise_topics(self):
        self._seq += 1
        for topic in ("ups", "ups_variables", "nodes", "channels", "ingest_status"):
            self.run("insert or replace into changes values (?, ?, ?)", topic, self._seq, self.now())


def make_config(folder, port, more="", broker=""):
    """A config that publishes to a broker on this port."""
    text = f"""
database: telemetry.db
timezone: UTC
gateways: [{{name: main, tcp: "127.0.0.1:1"}}]
nut: [{{name: closet, host: 127.0.0.1, ups: [rack]}}]
ups: {{rack@closet: {{{LISTED}}}}}
mqtt: [{{name: broker, host: 127.0.0.1, port: {port}{broker}}}]
publish: {{mqtt: broker, every_s: 5{more}}}
"""
    return read_config(parse_yaml(text, "config.yml"), folder, "config.yml")[0]


@asynccontextmanager
async def publishing(config):
    """A publisher at work; what a test waits for is waited for in a thread."""
    database = OutboundDatabase(config.database)
    publisher = MqttPublisher(config, config.publish, database)
    task = asyncio.create_task(publisher.run())
    try:
        yield publisher
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await database.close()
