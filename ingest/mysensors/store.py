"""Rows of everything that gateways say: a sink of the writer, the only place that writes MySensors tables.

Messages, readings and what happened are inserted; nodes, sensors, channels and daily figures are merged once a commit.
"""

import time
from collections import Counter
from operator import itemgetter

from ingest.db.bulk_insert import Insert
from ingest.db.reserved_ids import imports_seen
from ingest.db.time import LocalTime, format_utc
from ingest.mysensors import anomalies
from ingest.mysensors.deletions import last_deletion, read_deletions
from ingest.mysensors.handlers import message_handler
from ingest.mysensors.interval_stats import MERGE_DAYS, IntervalStats, series_key
from ingest.mysensors.protocol import (
    BROADCAST,
    GATEWAY_NODE,
    NODE_CHILD,
    Command,
    Internal,
    is_known,
    parse_number,
    type_name,
)
from ingest.mysensors.records import IdAssigned, ReceivedBlock
from ingest.mysensors.state import MERGE_HOURS, ChannelState, NodeState, SensorState

MESSAGE_COLUMNS = (
    "received_at gateway node node_id child_id command echo type type_name payload repeat".split()
)
MESSAGE = len(MESSAGE_COLUMNS)  # values of a row; the last one says whether it is a repeat
MESSAGES = Insert("messages", MESSAGE_COLUMNS)
READINGS = Insert("readings", ["received_at", "channel", "value", "text"])
REJECTS = Insert("rejects", ["received_at", "source", "raw", "reason"])
BATTERY_LEVELS = Insert("battery_levels", ["received_at", "node", "level"])
ODDITIES = Insert("oddities", ["at", "message", "node", "channel", "reason"])
GATEWAY_SEEN = """update gateways set version = coalesce(?, version), first_seen_at = coalesce(first_seen_at, ?),
last_seen_at = ? where id = ?"""
KNOWN_NUMBERS = 50_000  # texts whose number is remembered; memories are wiped when they are full
KNOWN_ROUTES = 100_000
KNOWN_RECENT = 10_000
REQUESTED_PRESENTATION_S = 60  # a presentation this long after one was requested is no surprise


class Route:
    """What becomes of every message with one Header of one gateway: looked up once, used for all of them."""

    __slots__ = (
        "anomaly",
        "channel",
        "fixed",
        "handler",
        "interval_stats",
        "node",
        "plain",
        "sensor",
        "target",
    )


class Store:
    """Sink for `ReceivedBlock`, `IdAssigned` and `PresentationRequested` items of any number of gateways."""

    def __init__(self, connection, timezone, on_deleted=lambda gateway, node_id, child: None):
        """`on_deleted(gateway, node_id, child)` is called for what users delete; child is None for a whole node."""
        self._on_deleted = on_deleted
        self._deletions = last_deletion(connection)
        self.nodes = NodeState.load(connection)
        self.sensors = SensorState.load(connection)
        self.channels = ChannelState.load(connection)
        self._clock = LocalTime(timezone)
        self._routes = {}  # gateway -> {Header: Route}
        self._interval_stats = {}  # series -> IntervalStats
        self._numbers = {}  # text -> number or None
        self._recent = {}  # (gateway, Header, payload) -> when it was last heard; only where repeats are looked for
        self._presentation_requested_at = {}  # node -> when it was asked for a presentation
        self._imports = imports_seen(connection)
        self.imported_at = float("-inf")  # when an import last wrote into the file, monotonic seconds
        self.on_import = lambda connection: None  # called when that happens, inside the open transaction
        self._day = ""
        self._clear_pending()

    def committed(self):
        for channel in self._dirty[ChannelState]:
            channel.committed()
        self._clear_pending()

    def _clear_pending(self):
        self._messages, self._readings, self._rejects = [], [], []
        self._battery_levels, self._oddities, self._daily = [], [], []
        self._dirty = {NodeState: set(), SensorState: set(), ChannelState: set()}
        self._gateways = {}

    # Step one: items into memory.

    def absorb(self, item):
        if isinstance(item, ReceivedBlock):
            self._absorb_block(item)
        elif isinstance(item, IdAssigned):
            node = self._node(item.gateway, item.node_id)
            node.id_given_at = format_utc(item.at)
            self._dirty[NodeState].add(node)
        else:
            self._presentation_requested_at[item.node] = item.monotonic

    def poll(self, connection, changed):
        if not changed:
            return False
        waiting = bool(
            list(read_deletions(connection, self._deletions))
        )  # a commit follows, which begins with them
        return waiting or imports_seen(connection) != self._imports

    def _absorb_block(self, block):
        at = format_utc(block.at)
        for raw, reason in block.rejects:
            self._rejects += (at, block.source, raw, reason)
        if not block.items:
            return
        day, hour = self._clock.day_and_hour(block.at)
        if day != self._day:
            self._collect_interval_stats()
            self._day = day
        self._gateways[block.gateway] = at
        counts = Counter(map(itemgetter(0), block.items))
        routes = self._find_routes(block.gateway, counts)
        repeats = self._find_repeats(block) if block.window_s else ()
        first = len(self._messages) // MESSAGE
        add = self._messages.extend
        for header, payload in block.items:
            add((at, *routes[header].fixed, payload, 0))
        self._count(counts, routes, block, at, first)
        for position, (header, payload) in enumerate(block.items, first):
            if repeats and position - first in repeats:
                self._messages[(position + 1) * MESSAGE - 1] = 1
                continue
            route = routes[header]
            if route.plain:
                continue
            if route.channel is not None:
                self._add_reading(route, at, hour, header, payload, position)
            if route.handler is not None:
                self._apply_message(route, at, block, header, payload, position)
            if route.anomaly is not None:
                self._add_oddity(at, position, route, route.anomaly)

    def _find_routes(self, gateway, headers):
        routes = self._routes.setdefault(gateway, {})
        if len(routes) > KNOWN_ROUTES:
            routes.clear()
        for header in headers:
            if header not in routes:
                routes[header] = self._route(gateway, header)
        return routes

    def _route(self, gateway, header):
        node_id, child, command, echo, type = header
        name = type_name(command, type)
        route = Route()
        route.node = route.sensor = route.channel = None
        route.interval_stats = ()
        if node_id != BROADCAST:
            node = route.node = self._node(gateway, node_id)
            fresh = not echo and command in (Command.presentation, Command.set, Command.req)
            if fresh and (child != NODE_CHILD or command == Command.set):
                route.sensor = self._sensor(node, child)
                if command == Command.set:
                    route.channel = self._channel(route.sensor, type, name)
            sensor = 256 * node.id + child
            route.interval_stats = (
                self._interval_stats_for(series_key(node.id), node.id, None, None, None, None, None),
                self._interval_stats_for(
                    series_key(node.id, child), node.id, sensor, child, None, None, None
                ),
                self._interval_stats_for(
                    series_key(node.id, *header[1:3], type), node.id, sensor, child, command, type, name
                ),
            )
        route.fixed = (gateway, route.node and route.node.id, node_id, child, command, echo, type, name)
        route.handler = message_handler(header) if route.node is not None else None
        presents_child = command == Command.presentation and child != NODE_CHILD
        route.target = route.sensor if presents_child else route.node
        route.anomaly = None if is_known(command, type) else f"unknown type {type} of {Command(command).name}"
        route.plain = route.channel is None and route.handler is None and route.anomaly is None
        return route

    def _node(self, gateway, node_id):
        key = 256 * gateway + node_id
        node = self.nodes.get(key)
        if node is None:
            node = self.nodes[key] = NodeState(key, gateway, node_id)
        return node

    def _sensor(self, node, child):
        key = 256 * node.id + child
        sensor = self.sensors.get(key)
        if sensor is None:
            sensor = self.sensors[key] = SensorState(key, node.id, child)
        return sensor

    def _channel(self, sensor, type, name):
        key = 256 * sensor.id + type
        channel = self.channels.get(key)
        if channel is None:
            channel = self.channels[key] = ChannelState(key, sensor.node, sensor.id, type, name)
        return channel

    def _interval_stats_for(self, key, *row):
        stats = self._interval_stats.get(key)
        if stats is None:
            stats = self._interval_stats[key] = IntervalStats((key, *row))
        return stats

    def _find_repeats(self, block):
        """Positions of items that say what the same gateway said less than `window_s` ago; stream messages never."""
        repeats = set()
        for position, (header, payload) in enumerate(block.items):
            if header.command == Command.stream:
                continue
            key = (block.gateway, header, payload)
            last = self._recent.get(key)
            if last is not None and block.monotonic - last <= block.window_s:
                repeats.add(position)
            else:
                self._recent[key] = block.monotonic
        if len(self._recent) > KNOWN_RECENT:
            self._recent = {
                key: last for key, last in self._recent.items() if block.monotonic - last <= block.window_s
            }
        return repeats

    def _count(self, counts, routes, block, at, first):
        """Daily figures, last seen, usual interval and bursts: once for each header and node of a block."""
        heard = {}  # node -> number of messages that are no firmware
        for header, number in counts.items():
            route = routes[header]
            if route.node is None:
                continue
            heard[route.node] = heard.get(route.node, 0) + (number if header.command != Command.stream else 0)
            for stats in route.interval_stats:
                stats.add(number, block.monotonic, block.epoch)
            if route.sensor is not None:
                sensor = route.sensor
                sensor.first_seen_at = sensor.first_seen_at or at
                sensor.last_seen_at = at
                self._dirty[SensorState].add(sensor)
        for node, number in heard.items():
            node.first_seen_at = node.first_seen_at or at
            node.last_seen_at = at
            node.record_seen(block.monotonic, block.epoch)
            self._dirty[NodeState].add(node)
            if node.starts_burst(number, block.monotonic):
                last = max(
                    position
                    for position, (header, _) in enumerate(block.items)
                    if header.node == node.node_id
                )
                reason = f"burst: more than {anomalies.BURST} messages in {anomalies.BURST_S} s"
                self._oddities.append((at, first + last, node.id, None, reason))

    def _add_reading(self, route, at, hour, header, payload, position):
        number = self._numbers.get(payload, self)
        if number is self:
            if len(self._numbers) >= KNOWN_NUMBERS:
                self._numbers.clear()
            number = self._numbers[payload] = parse_number(payload)
        channel = route.channel
        self._readings += (at, channel.id, number, payload)
        channel.add_reading(number, payload, at, hour)
        self._dirty[ChannelState].add(channel)
        if channel.has_usual_range:
            reason = anomalies.value_anomaly(
                header[4], channel.type_name, channel.usual_range, number, payload
            )
            if reason is not None:
                self._add_oddity(at, position, route, reason)

    def _apply_message(self, route, at, block, header, payload, position):
        node = route.node
        if header.command == Command.presentation and header.child == NODE_CHILD:
            requested_at = self._presentation_requested_at.pop(node.id, None)
            unrequested = requested_at is None or block.monotonic - requested_at > REQUESTED_PRESENTATION_S
            if node.presented_at is not None and unrequested and node.node_id != GATEWAY_NODE:
                self._add_oddity(at, position, route, "presents itself out of the blue: it has restarted")
        reason = route.handler(route.target, payload, at)
        if reason is not None:
            self._add_oddity(at, position, route, reason)
        elif header.command == Command.internal and header.type == Internal.I_BATTERY_LEVEL:
            self._battery_levels += (at, node.id, node.battery_level)

    def _add_oddity(self, at, position, route, reason):
        channel = route.channel.id if route.channel is not None else None
        self._oddities.append(
            (at, position, route.node.id if route.node is not None else None, channel, reason)
        )

    def _collect_interval_stats(self):
        for stats in self._interval_stats.values():
            if stats.messages:
                self._daily.append(stats.values(self._day, self.sensors))
                stats.clear()

    def _forget_deleted(self, node, child):
        """A node, or one child of it, is gone from the file: forget it, or begin anew with what is pending of it."""
        key = 256 * node + child if child is not None else None
        gone = {
            NodeState: [node] if child is None else [],
            SensorState: [
                sensor.id
                for sensor in self.sensors.values()
                if sensor.node == node and key in (None, sensor.id)
            ],
            ChannelState: [
                channel.id
                for channel in self.channels.values()
                if channel.node == node and key in (None, channel.sensor)
            ],
        }
        for kind, held in (
            (NodeState, self.nodes),
            (SensorState, self.sensors),
            (ChannelState, self.channels),
        ):
            for id in gone[kind]:
                state = held.get(id)
                if state in self._dirty[kind]:
                    state.reset()
                else:
                    held.pop(id, None)
        gateway, node_id = divmod(node, 256)
        self._routes.pop(gateway, None)
        for stats in self._interval_stats.values():
            if stats.row[1] == node and child in (None, stats.row[3]):
                stats.forget_last()
        self._daily = [
            (*row[:3], row[3] if row[3] in self.sensors else None, *row[4:]) for row in self._daily
        ]
        self._on_deleted(gateway, node_id, child)

    # Step two: memory into the open transaction.

    def _merge_imports(self, connection):
        """Take in what an import wrote since the last commit: memory must not overwrite it."""
        seen = imports_seen(connection)
        if seen == self._imports:
            return
        self._imports, self.imported_at = seen, time.monotonic()
        for kind, held in (
            (NodeState, self.nodes),
            (SensorState, self.sensors),
            (ChannelState, self.channels),
        ):
            for key, filed in kind.load(connection).items():
                state = held.setdefault(key, filed)
                if state is not filed:
                    state.merge_imported(filed, state in self._dirty[kind])
        self.on_import(connection)

    def write(self, connection):
        """Write what is pending; the topics that changed are returned."""
        self._merge_imports(connection)
        for number, node_id, child in read_deletions(connection, self._deletions):
            self._forget_deleted(node_id, child)
            self._deletions = number
        self._collect_interval_stats()
        topics = set()
        for kind, states in self._dirty.items():
            if states:
                connection.executemany(kind.upsert(), [state.values() for state in states])
                topics.add(kind.TABLE)
        connection.executemany(
            GATEWAY_SEEN,
            [
                (
                    self.nodes[256 * gateway].protocol_version if 256 * gateway in self.nodes else None,
                    at,
                    at,
                    gateway,
                )
                for gateway, at in self._gateways.items()
            ],
        )
        first = MESSAGES.append(connection, self._messages)
        READINGS.append(connection, self._readings)
        BATTERY_LEVELS.append(connection, self._battery_levels)
        ODDITIES(
            connection,
            [value for at, position, *rest in self._oddities for value in (at, first + position, *rest)],
        )
        REJECTS(connection, self._rejects)
        rows_by_topic = {
            "messages": self._messages,
            "readings": self._readings,
            "battery_levels": self._battery_levels,
            "oddities": self._oddities,
            "rejects": self._rejects,
        }
        topics |= {topic for topic, rows in rows_by_topic.items() if rows}
        hours = [row for channel in self._dirty[ChannelState] for row in channel.hourly_rows()]
        connection.executemany(MERGE_HOURS, hours)
        connection.executemany(MERGE_DAYS, self._daily)
        return topics
