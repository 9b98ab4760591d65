"""A recording of 20 000 lines, a tenth of them garbage, over TCP in several connections and odd pieces.

What the daemon leaves in the file is compared with what a few naive loops make of the same bytes.
"""

import math
import random
import re
import socket
import threading
from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from ingest.mysensors.intake import IntakeLimits
from ingest.mysensors.interval_stats import series_key

LINES, CONNECTIONS = 20_000, 4
NODES = [0, 1, 5, 12, 98, 200, 254, 255]
TEXTS = (47, 49)  # V_TEXT and V_POSITION are no numbers, whatever they look like
DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")


def make_value(chance):
    return chance.choice(
        [
            f"{chance.gauss(20, 3):.1f}",
            str(chance.randrange(1, 80)),  # no error code of a sensor
            "on",
            "a;b;c",
            "",
            "nan",
            "Grüße",
            "1e999",
            "0A0B",
            ";",
        ]
    )


def make_line(chance):
    node, child = chance.choice(NODES), chance.choice([0, 1, 6, 98, 255])
    kind = chance.random()
    if kind < 0.70:
        echo, type = int(chance.random() < 0.05), chance.choice([0, 1, 2, 24, 28, 47, 49, 200])
        return f"{node};{child};1;{echo};{type};{make_value(chance)}"
    if kind < 0.75:
        echo, type = int(chance.random() < 0.1), chance.choice([3, 6, 17, 18, 99])
        return f"{node};{child};0;{echo};{type};{make_value(chance)}"
    if kind < 0.78:
        return f"{node};{child};2;0;{chance.choice([0, 2])};"
    if kind < 0.84:
        return f"{node};255;3;0;0;{chance.choice(['100', '55.5', '0', '-3', '101', 'x'])}"
    if kind < 0.88:
        echo, type = int(chance.random() < 0.1), chance.choice([11, 6, 21, 22, 32, 77])
        return f"{node};255;3;{echo};{type};{chance.choice(['0', '12', 'Name'])}"
    if kind < 0.90:
        return f"{node};255;4;0;2;0A0003000{chance.randrange(10)}00"
    return None


def make_garbage(chance):
    return chance.choice(
        [
            b"",
            b"hello",
            b"1;2;1;0;0",
            b"256;1;1;0;0;1",
            b"1;1;7;0;0;1",
            b"1;1;1;2;0;1",
            b"-1;1;1;0;0;1",
            b"01;1;1;0;0;1",
            b"\xff\xfe;1;1;0;0;1",
            b"1;1;1;0;47;\xc3",
            b"x" * 256,
            b"y" * chance.randrange(1000, 4000),
            b"1;1;1;0;47;" + b"z" * 300,
            b"33;3;0;12;1.3",
        ]
    )


def make_recording(chance):
    """20 000 lines as bytes, with their line ends."""
    made = []
    for _ in range(LINES):
        text = make_line(chance)
        ending = b"\r\n" if text and chance.random() < 0.01 else b"\n"
        made.append((text.encode() if text is not None else make_garbage(chance)) + ending)
    return made


def cut(data, chance):
    """The bytes in pieces of any size, from one byte to some thousands."""
    position = 0
    while position < len(data):
        size = chance.choice([1, 3, 40, 700, 5000, 60_000])
        yield data[position : position + size]
        position += size


class Recorder:
    """Plays one part of the bytes to each client that connects, then hangs up."""

    def __init__(self, parts, chance):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.server.getsockname()[1]}"
        self.parts, self.chance = parts, chance
        self.thread = threading.Thread(target=self.play, daemon=True)
        self.thread.start()

    def play(self):
        for part in self.parts:
            client, _ = self.server.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in cut(part, self.chance):
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):  # what the daemon answers
                continue
            client.close()


def naive(parts):
    """Messages (connection, six fields) and raw rejects, by the plainest reading of the wire."""
    messages, rejects = [], []
    for connection, part in enumerate(parts):
        *raws, rest = part.split(b"\n")
        for raw in raws:
            try:
                text = raw.decode()
            except UnicodeDecodeError:
                text = raw.decode("latin-1") if raw[:1].isascii() else raw.decode(errors="backslashreplace")
            if not text.strip():
                continue
            if text.endswith("\r"):
                text = text[:-1]
            words = text.split(";")
            good = len(text) <= 255 and len(words) >= 6
            for word, limit in zip(words, (255, 255, 4, 1, 255), strict=False):
                good = (
                    good and word in [str(number) for number in range(limit + 1)] if len(word) < 4 else False
                )
            if good:
                messages.append((connection, *map(int, words[:5]), ";".join(words[5:])))
            else:
                rejects.append(text[:1024])
        if rest:
            rejects.append(rest.decode(errors="backslashreplace")[:1024])
    return messages, rejects


def number_of(text, type):
    number = float(text) if type not in TEXTS and DECIMAL.fullmatch(text) else None
    return None if number is None or math.isinf(number) else number


@pytest.fixture(scope="module")
def chance():
    return random.Random(20_000)


def test_everything_is_stored_once_in_order_and_adds_up(site, chance):
    site.set_gateway_times(first_backoff_s=0.02, limits=IntakeLimits(*[10**6] * 6))
    data = b"".join(make_recording(chance))
    marks = sorted(chance.sample(range(len(data)), CONNECTIONS - 1))  # in the middle of lines
    parts = [data[a:b] for a, b in pairwise([0, *marks, len(data)])]
    messages, rejects = naive(parts)
    assert len(messages) > 17_000 and len(rejects) > 1_500
    recorder = Recorder(parts, chance)
    config = site.config({"tcp": recorder.address})

    def play():
        recorder.thread.join(30)
        site.wait(
            "select 1 where (select count(*) from messages) = ? and (select count(*) from rejects) = ?",
            len(messages),
            len(rejects),
        )

    site.live(config, play)
    recorder.server.close()
    assert site.rows("select node_id, child_id, command, echo, type, payload from messages order by id") == [
        message[1:] for message in messages
    ]
    assert site.column("select raw from rejects order by id") == rejects
    assert site.rows("select received, rejected, connects >= 4 from ingest_status") == [
        (len(messages), len(rejects), 1)
    ]
    check_nodes(site, messages)
    check_channels(site, messages)
    check_daily(site, messages)


def check_nodes(site, messages):
    known = defaultdict(
        lambda: {
            "sketch": None,
            "version": None,
            "battery": None,
            "parent": None,
            "presented": False,
            "arc": None,
        }
    )
    sensors, levels = {}, []
    for _, node, child, command, echo, type, payload in messages:
        if node == 255:
            continue
        facts = known[node]
        if echo:
            continue
        if command == 0 and child == 255 and type in (17, 18):
            facts["version"], facts["presented"] = payload, True
        elif command == 0 and child != 255:
            sensors[node, child] = (type, payload)
        elif (command == 1) or (command == 2 and child != 255):
            sensors.setdefault((node, child), (None, None))
        elif command == 3 and type == 11:
            facts["sketch"] = payload
        elif command == 3 and type in (6, 21) and node != 0 and payload in ("0", "12"):
            facts["parent"] = int(payload)
        elif command == 3 and type == 0 and payload in ("100", "55.5", "0", "101"):
            facts["battery"] = min(float(payload), 100)
            levels.append((node, facts["battery"]))
    assert site.rows(
        "select node_id, sketch_name, protocol_version, battery_level, parent_node_id, "
        "presented_at is not null, arc from nodes order by id"
    ) == [(node, *known[node].values()) for node in sorted(known)]
    assert site.rows(
        "select n.node_id, child_id, s.type, description "
        "from sensors s join nodes n on n.id = s.node order by s.id"
    ) == [(*key, *sensors[key]) for key in sorted(sensors)]
    assert site.rows("select node, level from battery_levels order by id") == levels


def check_channels(site, messages):
    readings = [
        (node, child, type, payload)
        for _, node, child, command, echo, type, payload in messages
        if command == 1 and not echo and node != 255
    ]
    assert site.rows("select channel, value, text from readings order by id") == [
        (256 * (256 * node + child) + type, number_of(payload, type), payload)
        for node, child, type, payload in readings
    ]
    by_channel = defaultdict(list)
    for node, child, type, payload in readings:
        texts = by_channel[256 * (256 * node + child) + type]
        # Of a temperature or humidity a text counts as long as no number is known, never where it is none.
        is_refused = payload in ("nan", "") or (
            number_of(payload, type) is None and any(number_of(text, type) is not None for text in texts)
        )
        if type not in (0, 1) or not is_refused:
            texts.append(payload)
    assert site.rows("select id, readings, value, text from channels order by id") == [
        (channel, len(texts), number_of(texts[-1], channel % 256), texts[-1])
        for channel, texts in sorted(by_channel.items())
    ]
    hourly = site.rows(
        "select channel, sum(count), sum(numbers), min(min), max(max), sum(avg * numbers) "
        "from readings_hourly group by channel"
    )
    assert len(hourly) == len(by_channel)
    for channel, count, numbers, low, high, total in hourly:
        known = [
            number for text in by_channel[channel] if (number := number_of(text, channel % 256)) is not None
        ]
        assert (count, numbers) == (len(by_channel[channel]), len(known))
        assert (low, high) == ((min(known), max(known)) if known else (None, None))
        assert total == (pytest.approx(sum(known)) if known else None)


def check_daily(site, messages):
    counts, connections = Counter(), defaultdict(set)
    for connection, node, child, command, _, type, _ in messages:
        if node != 255:
            for key in (series_key(node), series_key(node, child), series_key(node, child, command, type)):
                counts[key] += 1
                connections[key].add(connection)
    found = site.rows(
        "select series, sum(messages), sum(intervals) from node_daily group by series order by series"
    )
    assert found == [(key, counts[key], counts[key] - len(connections[key])) for key in sorted(counts)]
    assert (
        site.rows(
            "select 1 from node_daily "
            "where not (min_interval_s <= avg_interval_s and avg_interval_s <= max_interval_s)"
        )
        == []
    )
