"""History of channels as rows, for tests: readings, and the hours that follow; what pages of history say."""

import html
import re
import time
from collections import defaultdict

from ingest.db.connection import connect
from ingest.db.time import format_utc, parse_utc

HOUR_S = 3600
GATEWAY = 0


class Channels:
    """Write nodes, channels and their readings into a new database."""

    def __init__(self, path):
        self.connection = connect(path)
        self.now = time.time()
        self.connection.execute(
            "insert or ignore into gateways (id, name, address) values (0, 'main', 'tcp main:5003')"
        )

    def node(self, number, name="Cellar", **columns):
        row = {"id": number, "gateway": 0, "node_id": number, "name": "", "sketch_name": name, **columns}
        row = {"first_seen_at": format_utc(self.now - 86_400), "last_seen_at": format_utc(self.now), **row}
        self._insert("nodes", row)
        return number

    def channel(self, node, child, type, type_name, readings, sensor_type=6, symbol="S_TEMP", **columns):
        """`readings` are (unix seconds, text) oldest first, or (seconds, text, why it does not count)."""
        sensor, last = 256 * node + child, None
        self._insert(
            "sensors",
            {
                "id": sensor,
                "name": "",
                "node": node,
                "child_id": child,
                "type": sensor_type,
                "type_name": symbol,
                "description": columns.pop("description", "Air"),
            },
            "insert or ignore",
        )
        key = 256 * sensor + type
        rows = [(format_utc(at), key, number(text), text, *(why or [None])) for at, text, *why in readings]
        good = [row for row in rows if row[4] is None]
        last = good[-1] if good else (None, key, None, None, None)
        self._insert(
            "channels",
            {
                "id": key,
                "name": "",
                "node": node,
                "sensor": sensor,
                "type": type,
                "type_name": type_name,
                "value": last[2],
                "text": last[3],
                "last_at": last[0],
                "first_at": good[0][0] if good else None,
                "readings": len(good),
                **columns,
            },
        )
        self.connection.executemany(
            "insert into readings (received_at, channel, value, text, wrong) values (?, ?, ?, ?, ?)", rows
        )
        hours = defaultdict(list)
        for at, _, value, _, _ in good:
            if value is not None:
                hours[at[:13] + ":00:00.000Z"].append(value)
        self.connection.executemany(
            "insert into readings_hourly (channel, hour_at, count, min, avg, max, numbers) "
            "values (?, ?, ?, ?, ?, ?, ?)",
            [
                (key, at, len(found), min(found), sum(found) / len(found), max(found), len(found))
                for at, found in hours.items()
            ],
        )
        return key

    def silence(self, node, start, end=None):
        self._insert(
            "events",
            {
                "event": "NODE_SILENT",
                "node": node,
                "started_at": format_utc(start),
                "ended_at": None if end is None else format_utc(end),
            },
        )

    def close(self):
        self.connection.close()

    def _insert(self, table, row, verb="insert"):
        marks = ", ".join("?" * len(row))
        self.connection.execute(
            f"{verb} into {table} ({', '.join(row)}) values ({marks})", list(row.values())
        )


def number(text):
    try:
        return float(text)
    except ValueError:
        return None


def statistics(text):
    """Label -> (figure, note) of the tiles below the chart."""
    found = re.findall(
        r'<dt>([^<]+)</dt><dd><span class="figure">(.*?)</span>(?:<span class="note">(.*?)</span>)?</dd>',
        text.replace('<span class="unit">', "").replace("&#8239;", "\u202f"),
        re.S,
    )
    return {label: (figure.split("\u202f")[0].removesuffix("</span>"), note) for label, figure, note in found}


def strip_of(text, name):
    """The rows of a canned query as the page links to it."""
    return html.unescape(re.search(rf'href="(/telemetry/{name}\.json\?[^"]+)"', text)[1])


def house_time(link, name):
    return parse_utc(re.search(rf"{name}=([^&]+)", link)[1].replace("%3A", ":"))
