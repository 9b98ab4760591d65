"""What becomes of a message: node, sensor, channel, statistics, handler, looked up once for each Header."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from ingest.db.bulk_insert import Value
from ingest.mysensors.anomalies import is_traffic
from ingest.mysensors.handlers import MessageHandler, message_handler
from ingest.mysensors.interval_stats import IntervalStats, Series, series_key
from ingest.mysensors.protocol import BROADCAST, NODE_CHILD, Command, Header, Stream, is_known, type_name
from ingest.mysensors.radio_links import speaks_of_links
from ingest.mysensors.state import ChannelState, NodeState, SensorState
from ingest.mysensors.state_table import StateTable

MAX_ROUTES = 100_000  # of one gateway; they are forgotten when there are more


@dataclass(slots=True)
class MessageRoute:
    """What becomes of every message with one Header of one gateway: looked up once, used for all of them."""

    fixed: tuple[Value, ...]  # the columns of its message rows from gateway to type_name
    node: NodeState | None = None  # None for messages of nodes that have no id yet
    sensor: SensorState | None = None
    channel: ChannelState | None = None
    stats: tuple[IntervalStats, ...] = ()
    handler: MessageHandler | None = None
    anomaly: str | None = None
    is_traffic: bool = True  # counts for a burst
    is_firmware_request: bool = False
    speaks_of_links: bool = False  # a debug line, or the report of a node that it is locked
    is_simple: bool = True  # nothing but a row of `messages` and perhaps a reading

    @property
    def keys(self) -> tuple[int | None, int | None]:
        """`nodes.id` and `channels.id`."""
        return (
            self.node.id if self.node is not None else None,
            self.channel.id if self.channel is not None else None,
        )


class MessageRoutes:
    """The routes of all gateways, over the nodes, sensors and channels that are known."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.nodes = StateTable(NodeState, connection)
        self.sensors = StateTable(SensorState, connection)
        self.channels = StateTable(ChannelState, connection)
        self.stats: dict[int, IntervalStats] = {}  # by key of the series
        self.given_at: dict[int, str] = dict(  # ids that were given and never heard, by nodes.id
            connection.execute("select 256 * gateway + node_id, given_at from given_ids").fetchall()
        )
        self._by_gateway: dict[int, dict[Header, MessageRoute]] = {}

    def forget(self, gateway: int) -> None:
        """Look up all routes of this gateway anew."""
        self._by_gateway.pop(gateway, None)

    def find(self, gateway: int, headers: Iterable[Header]) -> dict[Header, MessageRoute]:
        """Routes of one gateway, at least those of these headers."""
        routes = self._by_gateway.setdefault(gateway, {})
        if len(routes) > MAX_ROUTES:
            routes.clear()
        for header in headers:
            if header not in routes:
                routes[header] = self._route(gateway, header)
        return routes

    def _route(self, gateway: int, header: Header) -> MessageRoute:
        node_id, child, command, echo, type = header
        name = type_name(command, type)
        node = self.node(gateway, node_id) if node_id != BROADCAST else None
        key = node.id if node is not None else None
        route = MessageRoute((gateway, key, *header, name), node, is_traffic=is_traffic(header))
        if node is not None:
            sensor = 256 * node.id + child
            is_of_child = child != NODE_CHILD and command in (Command.presentation, Command.set, Command.req)
            if not echo and (is_of_child or command == Command.set):
                route.sensor = self.sensors.setdefault(sensor, SensorState(sensor, node.id, child))
                if command == Command.set:
                    channel = ChannelState(256 * sensor + type, node.id, sensor, type, name)
                    route.channel = self.channels.setdefault(channel.id, channel)
            type_key = series_key(node.id, child, command, type)
            route.stats = (
                self._stats(Series(series_key(node.id), node.id)),
                self._stats(Series(series_key(node.id, child), node.id, sensor, child)),
                self._stats(Series(type_key, node.id, sensor, child, command, type, name)),
            )
            route.handler = message_handler(header, node, route.sensor)
            route.speaks_of_links = speaks_of_links(header)
            route.is_firmware_request = (command, type) == (Command.stream, Stream.ST_FIRMWARE_REQUEST)
        route.anomaly = None if is_known(command, type) else f"unknown type {type} of {Command(command).name}"
        route.is_simple = not any((route.handler, route.anomaly, route.speaks_of_links))
        return route

    def node(self, gateway: int, node_id: int) -> NodeState:
        """The node with this id, known from now on."""
        key = 256 * gateway + node_id
        node = self.nodes.get(key)
        if node is None:
            given_at = self.given_at.pop(key, None)
            node = self.nodes[key] = NodeState(key, gateway, node_id, id_given_at=given_at)
        return node

    def _stats(self, series: Series) -> IntervalStats:
        return self.stats.setdefault(series.key, IntervalStats(series))
