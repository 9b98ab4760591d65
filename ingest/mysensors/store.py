"""Rows of everything that gateways send: a sink of the writer, the only place that writes MySensors tables.

Messages and readings are inserted; nodes, sensors, channels and daily figures are merged once a commit.
A `set` message becomes a row of `readings` in `Store._add_reading`; what other messages say of a node,
such as its battery level, is applied by the functions of `handlers`, called from `Store._apply_message`.
"""

import logging
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import islice
from operator import itemgetter

from ingest.clock.roll_up import RollUpTime
from ingest.db.reserved_ids import imports_seen
from ingest.db.time import format_utc
from ingest.mysensors.anomalies import BURST, BURST_S
from ingest.mysensors.battery_events import BatteryEvents
from ingest.mysensors.broker_rows import BrokerRows
from ingest.mysensors.deletions import Deletion, last_deletion, read_deletions
from ingest.mysensors.interval_stats import MERGE_DAYS
from ingest.mysensors.node_starts import NodeStarts
from ingest.mysensors.payload_text import RawText
from ingest.mysensors.presentations import NEVER, RESTARTED, SAME_START_S, PresentationWatch
from ingest.mysensors.protocol import (
    BROADCAST,
    GATEWAY_NODE,
    NODE_CHILD,
    Command,
    Header,
    Internal,
    Message,
    type_name,
)
from ingest.mysensors.radio_links import RadioLinks
from ingest.mysensors.reading_marks import last_mark, request_rereading
from ingest.mysensors.records import (
    IdGiven,
    ReceivedBlock,
    RetainedFetched,
    SleepObserved,
    StoreItem,
    ValueAsked,
    WantedValue,
)
from ingest.mysensors.repeats import RepeatDetector
from ingest.mysensors.replacements import read_replacements
from ingest.mysensors.routes import MessageRoute, MessageRoutes
from ingest.mysensors.silence import GatewayClock, save_gaps
from ingest.mysensors.sleep import SLEEPER_WINDOWS, USUAL_WINDOW_MS
from ingest.mysensors.state import MERGE_HOURS, ChannelState, NodeState, SensorState
from ingest.mysensors.unwritten_rows import MESSAGE, Oddity, UnwrittenRows
from ingest.mysensors.value_types import parse_value
from ingest.mysensors.voltage_levels import REMOVED, VoltageLevels
from ingest.pipeline.free_space import FreeSpace

log = logging.getLogger(__name__)

GATEWAY_SEEN = """update gateways set version = coalesce(?, version),
first_seen_at = coalesce(first_seen_at, ?), last_seen_at = ? where id = ?"""
# The newest row has the highest id, whatever the clock says. Nodes are written later: a trigger takes the row
# of an id that was heard.
GIVE_ID = """insert or replace into given_ids (gateway, node_id, token, given_at) select ?1, ?2, ?3, ?4
where not exists (select 1 from nodes where id = 256 * ?1 + ?2)"""
RETIRED = "select id, retired_at from nodes where retired_at is not null"
Watched = list[
    tuple[int, float | None]
]  # channels.id and the number that was reported, None for another text
BACK = """insert into events (event, node, started_at, ended_at, detail)
values ('NODE_BACK', ?, ?, ?, 'it is heard again and is not retired any more')"""
GAP_NODES = (
    4  # whose gaps one commit takes: to find what is usual for one takes milliseconds on a small machine
)
MAX_NUMBERS = 50_000  # texts whose number is remembered; memories are wiped when they are full


class Store:
    """Sink for `StoreItem`s of any number of gateways.

    `on_watched(block, values)` gets what a block brought of the channels in `watched`, `on_deleted(gateway,
    node_id, child_id)` is called for what users delete; no child means the whole node.
    `on_import(connection)` is called when an import has written, inside the open transaction; `on_marked`
    for a channel of which readings were marked wrong, or right again; `on_stored(gateway, packets)` after the
    commit of what a broker waits to be acknowledged. `free_space` says where the disk has no space for raw
    messages.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        timezone: str,
        on_deleted: Callable[[int, int, int | None], object] = lambda gateway, node_id, child_id: None,
    ) -> None:
        self._on_deleted = on_deleted
        self._last_deletion = last_deletion(connection)
        self._routes = routes = MessageRoutes(connection)
        self.nodes, self.sensors, self.channels = routes.nodes, routes.sensors, routes.channels
        self.rolled = RollUpTime(timezone)
        self._numbers: dict[str, dict[str, float | None]] = {}  # by kind of value: text -> number
        self._repeats = RepeatDetector()
        self._presentations = PresentationWatch()
        self._starts = NodeStarts()
        self._links = RadioLinks()
        self._links.load(connection)
        self._batteries = BatteryEvents()
        self._batteries.load(connection)
        self._broker_rows = BrokerRows()
        self._broker_rows.load(connection)
        self.on_stored: Callable[[int, list[int]], object] = lambda gateway, packets: None
        self._retired: dict[int, str] = {}  # nodes.id -> since when
        self.watched: Collection[int] = ()  # channels.id whose readings are handed on
        self.on_watched: Callable[[ReceivedBlock, Watched], object] = lambda block, values: None
        self._watched: Watched = []  # of the block that is being taken
        # nodes.id -> when it presented itself unasked: UTC text, monotonic seconds
        self._restarts: dict[int, tuple[str, float]] = {}
        self._imports = imports_seen(connection)
        self._marks = last_mark(connection)
        self._replacements = read_replacements(connection)
        self.imported_at = float("-inf")  # when an import last wrote into the file, monotonic seconds
        self.on_import: Callable[[sqlite3.Connection], object] = lambda connection: None
        self.free_space: FreeSpace | None = None
        self.on_marked: Callable[[ChannelState], object] = lambda channel: None
        self._voltages = VoltageLevels()
        self._voltages.read(connection)
        self.clocks: defaultdict[int, GatewayClock] = defaultdict(GatewayClock)  # gateways.id -> its time
        self._day = ""
        self._due_gaps: dict[NodeState, None] = {}  # nodes whose gaps are to be written, first come first
        self._clear_pending()

    def committed(self) -> None:
        """Forget what waited: it is in the file."""
        for table in (self.nodes, self.sensors, self.channels):
            table.committed()
        self._links.committed()
        self._batteries.committed()
        self._clear_pending()
        for gateway, packets in self._broker_rows.committed().items():
            self.on_stored(gateway, packets)

    def _clear_pending(self) -> None:
        self._pending = UnwrittenRows()

    # Step one: items into memory.

    def absorb(self, item: StoreItem) -> None:
        """Take an item of a gateway."""
        if isinstance(item, ReceivedBlock):
            self._absorb_received(item)
        elif isinstance(item, IdGiven):
            at = format_utc(item.given_at)
            self._routes.given_at[256 * item.gateway + item.node_id] = at
            self._pending.given_ids.append((item.gateway, item.node_id, item.token, at))
        elif isinstance(item, WantedValue):
            self._apply_wanted(item)
        elif isinstance(item, SleepObserved):
            self._apply_sleep(item)
        elif isinstance(item, ValueAsked):
            self._reply_value(item)
        elif isinstance(item, RetainedFetched):
            self._broker_rows.set_fetched(item.gateway, item.session)
        else:
            self._presentations.expect(item.node, item.monotonic)

    def _apply_wanted(self, item: WantedValue) -> None:
        """Keep the wanted value of a channel, which an order makes where the node has reported none yet."""
        node = self.nodes.get(256 * item.gateway + item.header.node)
        if node is None:  # deleted meanwhile
            return
        route = self._routes.find(item.gateway, [item.header])[item.header]
        assert route.sensor is not None
        assert route.channel is not None
        route.channel.want(item.value, item.at, item.order)
        self.nodes.dirty.add(node)
        self.sensors.dirty.add(route.sensor)
        self.channels.dirty.add(route.channel)

    def _reply_value(self, item: ValueAsked) -> None:
        node, child, _, _, type = item.header
        channel = self.channels.get(256 * (256 * (256 * item.gateway + node) + child) + type)
        if channel is not None:
            value = channel.wanted if channel.wanted_newer else channel.text
            if value is not None:
                item.reply(value)

    def _apply_sleep(self, item: SleepObserved) -> None:
        node = self.nodes.get(item.node)
        if node is not None:
            node.windows = item.windows
            node.smart_sleep_ms = (
                (node.smart_sleep_ms or USUAL_WINDOW_MS) if item.windows == SLEEPER_WINDOWS else None
            )
            self.nodes.dirty.add(node)

    def poll(self, connection: sqlite3.Connection, changed: bool) -> bool:
        """Return True where there is something to write.

        That is where users deleted something or an import wrote, which the next commit begins with, and while
        gaps of nodes wait: a midnight ends a day of all.
        """
        if not changed:
            return bool(self._due_gaps)
        self._retired = dict(connection.execute(RETIRED).fetchall())
        levels = not self._voltages.is_current(connection) and self._change_voltage_rules(connection)
        deleted = bool(read_deletions(connection, self._last_deletion))
        marked = last_mark(connection) != self._marks
        replaced = read_replacements(connection) != self._replacements
        imported = imports_seen(connection) != self._imports
        return deleted or marked or replaced or levels or imported or bool(self._due_gaps)

    @property
    def is_urgent(self) -> bool:
        """Whether an event that begins or ends waits to be written."""
        return self._links.is_urgent or self._batteries.is_urgent or bool(self._heard_retired())

    def _heard_retired(self) -> list[NodeState]:
        """Retired nodes that were heard since: they are in use."""
        return [
            node
            for id, retired_at in self._retired.items()
            if (node := self.nodes.get(id)) in self.nodes.dirty and (node.last_seen_at or "") > retired_at
        ]

    def _change_voltage_rules(self, connection: sqlite3.Connection) -> bool:
        """A new rule applies to the voltage that is known; without its rule a level is an old one.

        True where there is something to write.
        """
        new, gone = self._voltages.read(connection)
        for channel in (self.channels[key] for key in new if key in self.channels):
            level_at = self._routes.node(*divmod(channel.node, 256)).battery_level_at or ""
            if channel.text is not None and (channel.last_at or "") >= level_at:
                self._apply_voltage(channel, channel.text, channel.last_at or "", 0)
        for node in (self.nodes[key] for key in gone if key in self.nodes):
            node.battery_refused, node.battery_refused_at = REMOVED, format_utc(time.time())
            self.nodes.dirty.add(node)
        return bool(new or gone)

    def _absorb_received(self, block: ReceivedBlock) -> None:
        at = format_utc(block.received_at)
        for raw, reason in block.rejects:
            self._pending.rejects += (at, block.source, raw, reason)
        self._broker_rows.add_packets(block.gateway, block.delivery.packets)
        if block.delivery.is_retained:
            self._keep_retained(block, at)
        elif block.messages:
            self._absorb_block(block, at)

    def _absorb_block(self, block: ReceivedBlock, at: str) -> None:
        day, hour = self.rolled.day_and_hour(block.received_at)
        if day != self._day:
            self._end_day()
            self._day = day
        self._pending.gateways_seen[block.gateway] = at
        counts = _count_headers(block.messages)
        routes = self._routes.find(block.gateway, counts)
        repeats: Collection[int] = self._repeats.find(block) if block.repeat_window_s else ()
        first = len(self._pending.messages) // MESSAGE
        add = self._pending.messages.extend
        self._count(counts, routes, block, at, first)
        for position, (header, payload) in enumerate(block.messages, first):
            route = routes[header]
            add(route.fixed)
            if repeats and position - first in repeats:
                add((at, payload, 1))
                continue
            add((at, payload, 0))
            if type(payload) is not str:
                self._keep_raw(payload, at, position, route)
            if route.channel is not None:
                self._add_reading(route.channel, at, hour, payload, position)
            if route.is_simple:
                continue
            if route.handler is not None:
                self._apply_message(route, at, block.monotonic, header, payload, position)
            if route.speaks_of_links:
                self._apply_link(route, at, day, header, payload)
            if route.anomaly is not None:
                self._pending.oddities.append(Oddity(at, position, *route.keys, route.anomaly))
        if self._watched:
            watched, self._watched = self._watched, []
            self.on_watched(block, watched)

    def _keep_retained(self, block: ReceivedBlock, at: str) -> None:
        """Messages of an age that is not known: they are stored, and nothing else goes by them."""
        for header, payload in block.messages:
            if not self._broker_rows.is_new(block.gateway, header, payload, at):
                continue
            node = None
            if header.node != BROADCAST:
                node = self._routes.node(block.gateway, header.node)
                self.nodes.dirty.add(node)
            key, name = node.id if node is not None else None, type_name(header.command, header.type)
            self._pending.retained.append(len(self._pending.messages) // MESSAGE)
            self._pending.messages += (block.gateway, key, *header, name, at, payload, 0)

    def _end_day(self) -> None:
        self._collect_interval_stats()
        for node in self.nodes.values():
            node.gaps.end_day(node.id, self._day)
            if node.gaps.due:
                self._due_gaps[node] = None

    def _apply_link(self, route: MessageRoute, at: str, day: str, header: Header, payload: str) -> None:
        """A debug line, or the report of a node that it is locked."""
        node = route.node
        assert node is not None
        if header.type == Internal.I_LOCKED:
            self._links.lock(node.id, payload, at)
        else:
            changed = self._links.debug_line(node, payload, day, self.nodes)
            if changed:
                self.nodes.dirty.update(changed)

    def _hear_child(self, channel: ChannelState, at: str, position: int) -> None:
        """A value while sketches have changed: perhaps it is of a second node that has the same id."""
        if channel.node in self._presentations.changes:
            reason = self._presentations.heard(channel.node, channel.sensor % 256)
            if reason is not None:
                self._pending.oddities.append(Oddity(at, position, channel.node, None, reason))

    def _keep_raw(self, payload: str, at: str, position: int, route: MessageRoute) -> None:
        """A payload whose bytes are no UTF-8: they are kept beside what was made of them."""
        if isinstance(payload, RawText):
            self._pending.raws.append((payload.raw, position))
            self._pending.oddities.append(Oddity(at, position, *route.keys, payload.reason))

    def _count(
        self,
        counts: dict[Header, int],
        routes: dict[Header, MessageRoute],
        block: ReceivedBlock,
        at: str,
        first: int,
    ) -> None:
        """Daily figures, last seen, usual interval and bursts: once for each header and node of a block."""
        monotonic, epoch = block.monotonic, block.epoch
        heard = self.clocks[block.gateway].heard(monotonic, epoch)
        locked = self._links.locked
        seen: dict[NodeState, int] = {}  # -> number of messages that count for a burst
        for header, number in counts.items():
            route = routes[header]
            node, sensor = route.node, route.sensor
            if node is None:
                continue
            if locked and node.id in locked and not route.speaks_of_links:
                self._links.heard(node.id, at)
            seen[node] = seen.get(node, 0) + number * route.is_traffic
            if route.is_firmware_request:
                self._presentations.firmware_requested(node.id, monotonic)
            for stats in route.stats:
                stats.add(number, monotonic, epoch)
            if sensor is not None:
                sensor.first_seen_at = sensor.first_seen_at or at
                sensor.last_seen_at = at
                self.sensors.dirty.add(sensor)
        for node, number in seen.items():
            node.first_seen_at = node.first_seen_at or at
            node.last_seen_at = at
            node.record_seen(monotonic, epoch, heard)
            if node.gaps.due:
                self._due_gaps[node] = None
            self.nodes.dirty.add(node)
            if not block.delivery.may_be_late and node.starts_burst(number, monotonic):
                self._mark_burst(node, block, at, first)

    def _mark_burst(self, node: NodeState, block: ReceivedBlock, at: str, first: int) -> None:
        positions = enumerate(block.messages, first)
        last = max(position for position, (header, _) in positions if header.node == node.node_id)
        reason = f"burst: more than {BURST} messages in {BURST_S} s"
        self._pending.oddities.append(Oddity(at, last, node.id, None, reason))

    def _add_reading(self, channel: ChannelState, at: str, hour: str, payload: str, position: int) -> None:
        """A `set` message as a row of `readings`, and as the last value of its channel."""
        try:
            number = self._numbers[channel.kind][payload]
        except KeyError:
            number = self._parse(channel, payload)
        wrong = None
        if channel.is_assessed and not channel.rule.takes(number):
            wrong = self._assess(channel, at, number, payload, position)
        self._pending.readings += (at, channel.id, number, payload, wrong)
        if wrong is None:
            channel.add_reading(number, payload, at, hour)
        else:
            channel.refuse(payload, at, wrong)
        self.channels.dirty.add(channel)
        if self.watched and channel.id in self.watched:
            self._watched.append((channel.id, number if wrong is None else None))
        if self._presentations.changes:
            self._hear_child(channel, at, position)
        rules = self._voltages.rules
        if rules and channel.id in rules:
            self._apply_voltage(channel, payload, at, position)

    def _apply_voltage(self, channel: ChannelState, payload: str, at: str, position: int) -> None:
        node = self._routes.node(*divmod(channel.node, 256))
        level = self._voltages.apply(node, channel.id, payload, at)
        self.nodes.dirty.add(node)
        if level is not None:
            self._add_battery_level(at, node.id, level, position, from_voltage=True)

    def _add_battery_level(
        self, at: str, node: int, level: float | None, position: int, from_voltage: bool = False
    ) -> None:
        self._pending.battery_levels += (at, node, level, int(from_voltage))
        if level is not None:
            self._batteries.report(node, level, at)

    def _assess(
        self, channel: ChannelState, at: str, number: float | None, payload: str, position: int
    ) -> str | None:
        """Why a reading does not count, or None; notes what is an oddity."""
        wrong, odd, doubts = channel.rule.assess(number, payload, self.sensors[channel.sensor].type)
        reason = wrong or odd
        if reason is not None:
            self._pending.oddities.append(Oddity(at, position, channel.node, channel.id, reason))
        if doubts:
            self._pending.doubted.add(channel.id)
        return wrong

    def _parse(self, channel: ChannelState, payload: str) -> float | None:
        known = self._numbers.setdefault(channel.kind, {})
        if len(known) >= MAX_NUMBERS:
            known.clear()
        number = known[payload] = parse_value(channel.type, payload)
        return number

    def _apply_message(
        self, route: MessageRoute, at: str, monotonic: float, header: Header, payload: str, position: int
    ) -> None:
        """Apply what a message says of its node: presentation, battery level, parent ..."""
        node, handler = route.node, route.handler
        assert node is not None
        assert handler is not None
        is_level = header.command == Command.internal and header.type == Internal.I_BATTERY_LEVEL
        if is_level and node.id in self._voltages.nodes:
            return  # the rule that a user set is what counts
        reason = self._watch_presentation(route, at, monotonic, header, payload)
        reason = handler(payload, at) or reason
        if reason is not None:
            self._pending.oddities.append(Oddity(at, position, node.id, None, reason))
        elif is_level:
            self._add_battery_level(at, node.id, node.battery_level, position)

    def _watch_presentation(
        self, route: MessageRoute, at: str, monotonic: float, header: Header, payload: str
    ) -> str | None:
        """Why a presentation is strange, or None: a restart, or a second node that has the same id."""
        node, watch = route.node, self._presentations
        if node is None or header.command not in (Command.presentation, Command.internal):
            return None
        if header.command == Command.internal:
            if header.type == Internal.I_HEARTBEAT_RESPONSE:
                return self._starts.heard(node.id, payload, monotonic)
            if header.type != Internal.I_SKETCH_NAME or node.node_id == GATEWAY_NODE:
                return None
            reason = watch.named(node, payload, self.sensors.values(), monotonic)
            if reason is not None:
                self._withdraw_restart(node.id, monotonic)
            return reason
        if header.child != NODE_CHILD:
            return watch.child_presented(node, route.sensor, header.type, monotonic)
        reason = watch.node_presented(node, payload, monotonic)
        if reason == RESTARTED:
            self._restarts[node.id] = (at, monotonic)
        return reason

    def _withdraw_restart(self, node: int, monotonic: float) -> None:
        """The name that follows a presentation shows that it was no restart of the node that was known."""
        at, since = self._restarts.pop(node, ("", NEVER))
        if monotonic - since <= SAME_START_S:
            withdrawn = (at, node, None, RESTARTED)
            unlike = [odd for odd in self._pending.oddities if odd[:1] + odd[2:] != withdrawn]
            if len(unlike) == len(self._pending.oddities):
                self._pending.withdrawn.append((node, at, RESTARTED))
            self._pending.oddities = unlike

    def _collect_interval_stats(self) -> None:
        for stats in self._routes.stats.values():
            if stats.messages:
                self._pending.daily.append(stats.daily_row(self._day, self.sensors))
                stats.clear()

    def _collect_gaps(self, nodes: Iterable[NodeState]) -> None:
        for node in nodes:
            self._due_gaps.pop(node, None)
            self._pending.gaps += node.gaps.take(node.id, self._day)

    def _forget_deleted(self, deletion: Deletion) -> None:
        """Forget a node or sensor that is gone from the file; what is pending of it is reset."""
        _, node, child_id = deletion
        sensor_id = 256 * node + child_id if child_id is not None else None
        if sensor_id is None:
            self.nodes.forget([node])
            self._presentations.forget(node)
            self._batteries.forget(node)
            self._starts.forget(node)
        self.sensors.forget(
            sensor.id
            for sensor in self.sensors.values()
            if sensor.node == node and sensor_id in (None, sensor.id)
        )
        self.channels.forget(
            channel.id
            for channel in self.channels.values()
            if channel.node == node and sensor_id in (None, channel.sensor)
        )
        gateway, node_id = divmod(node, 256)
        self._routes.forget(gateway)
        for stats in self._routes.stats.values():
            if stats.series.node == node and child_id in (None, stats.series.child_id):
                stats.forget_last()
        self._pending.daily = [
            row if row.sensor in self.sensors else row._replace(sensor=None) for row in self._pending.daily
        ]
        self._on_deleted(gateway, node_id, child_id)

    # Step two: memory into the open transaction.

    def write_ahead(self, connection: sqlite3.Connection) -> None:
        """Insert messages and readings while others are absorbed."""
        if self.free_space is None or not self.free_space.is_low:  # else raw messages are not kept
            self._pending.messages.insert_ahead(connection)
        self._pending.readings.insert_ahead(connection)

    def taken_back(self) -> None:
        """All rows are pending again."""
        self._pending.messages.taken_back()
        self._pending.readings.taken_back()

    def write(self, connection: sqlite3.Connection) -> set[str]:
        """Write what is pending; returns the topics that changed."""
        seen = imports_seen(connection)
        if seen != self._imports:
            self._imports, self.imported_at = seen, time.monotonic()
            for table in (self.nodes, self.sensors, self.channels):
                table.merge_imported(connection)
            self._links.load(connection)
            self.on_import(connection)
        for deletion in read_deletions(connection, self._last_deletion):
            self._forget_deleted(deletion)
            self._last_deletion = deletion.number
        self._merge_marked(connection)
        self._take_replacements(connection)
        self._collect_interval_stats()
        connection.executemany(GIVE_ID, self._pending.given_ids)
        topics = {
            topic for table in (self.nodes, self.sensors, self.channels) for topic in table.write(connection)
        }
        for gateway, at in self._pending.gateways_seen.items():
            node = self.nodes.get(256 * gateway + GATEWAY_NODE)
            version = node.protocol_version if node is not None else None
            connection.execute(GATEWAY_SEEN, (version, at, at, gateway))
        if self.rolled.is_known:
            self._add_up(connection)
        if self.free_space is not None and self.free_space.is_low:
            self.free_space.not_kept(*self._pending.drop_raw())  # once: another attempt finds nothing
        self._broker_rows.write(connection)
        topics |= (
            self._links.write(connection)
            | self._batteries.write(connection)
            | self._pending.write_history(connection)
            | self._take_back_retired(connection)
        )
        request_rereading(connection, self._pending.doubted)
        return topics

    def _add_up(self, connection: sqlite3.Connection) -> None:
        """Write hourly and daily figures, and the gaps of nodes."""
        hours = [row for channel in self.channels.dirty for row in channel.hourly_rows()]
        connection.executemany(MERGE_HOURS, hours)
        connection.executemany(MERGE_DAYS, self._pending.daily)
        if not self._pending.gaps:  # else they are tried again
            self._collect_gaps(list(islice(self._due_gaps, GAP_NODES)))
        save_gaps(connection, self._pending.gaps)

    def _take_replacements(self, connection: sqlite3.Connection) -> None:
        """Take over that the history of a node goes on under another one, or went back."""
        ended = read_replacements(connection)
        changed, self._replacements = ended - self._replacements, ended
        for node in {node for one in changed for node in (one.old_node, one.new_node)}:
            for key, sensor in SensorState.load(connection, "node = ?", node).items():
                self.sensors.setdefault(key, sensor)
            for key, filed in ChannelState.load(connection, "node = ?", node).items():
                channel = self.channels.setdefault(key, filed)
                if channel is not filed:
                    channel.merge_marked(filed, channel in self.channels.dirty)
        if changed:
            self.on_import(connection)

    def _merge_marked(self, connection: sqlite3.Connection) -> None:
        """Take over what others found of readings: memory must not overwrite it."""
        newest = last_mark(connection)
        if newest == self._marks:
            return
        for key, filed in ChannelState.load(connection, "marked_seq > ?", self._marks).items():
            channel = self.channels.get(key)
            if channel is not None:
                channel.merge_marked(filed, channel in self.channels.dirty)
                self.on_marked(channel)
        self._marks = newest

    def _take_back_retired(self, connection: sqlite3.Connection) -> set[str]:
        """A retired node that is heard again is in use."""
        self._retired = dict(connection.execute(RETIRED).fetchall())
        back = self._heard_retired()
        for node in back:
            log.info(
                "Node %d of gateway %d is heard again: it is not retired any more", node.node_id, node.gateway
            )
            at = node.last_seen_at
            connection.execute("update nodes set retired_at = null where id = ?", (node.id,))
            connection.execute(BACK, (node.id, at, at))
        return {"events"} if back else set()


def _count_headers(messages: Sequence[Message]) -> dict[Header, int]:
    if len(messages) == 1:  # as most reads bring: a Counter would take longer than the rest
        return {messages[0][0]: 1}
    return Counter(map(itemgetter(0), messages))
