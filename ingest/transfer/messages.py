"""Messages of another program as our rows, by way of the daemon's store: same parser, same figures.

The store works on an empty memory of its own, so that what it learns is what the file holds; `states`
merges that.
"""

import sqlite3
import time
from contextlib import closing

from sqlite_utils import Database

from ingest.mysensors.interval_stats import MERGE_DAYS
from ingest.mysensors.protocol import Command, Header, Internal
from ingest.mysensors.reading_marks import request_rereading
from ingest.mysensors.records import ReceivedBlock, SleepObserved, StoreItem
from ingest.mysensors.silence import first_day, save_gaps
from ingest.mysensors.sleep import HeartbeatRequests, announces_by_heartbeat, count_window
from ingest.mysensors.state import MERGE_HOURS, ChannelState, RowState
from ingest.mysensors.store import Store
from ingest.mysensors.unwritten_rows import (
    BATTERY_LEVELS,
    KEEP_RAW,
    MESSAGE,
    MESSAGE_COLUMNS,
    MESSAGES,
    READINGS,
    WITHDRAW_ODDITY,
)
from ingest.schema.migrate import migrations
from ingest.transfer.checkpoint import Checkpoint
from ingest.transfer.recorded_ranges import LazyRanges, contains, heard_ranges
from ingest.transfer.records import ImportOptions, Message, Record
from ingest.transfer.sink import ImportSink
from ingest.transfer.states import merge_states, save_gateway_heard, save_states

INSERT_ODDITY = "insert into oddities (at, message, node, channel, reason) values (?, ?, ?, ?, ?)"
HEARD_HERE = "Voltkeeper recorded the gateway itself at that time"


class Messages(ImportSink):
    """Sink of an import for the messages of one gateway."""

    numbers = "messages"
    _recorded: LazyRanges

    def __init__(self, options: ImportOptions) -> None:
        self._gateway = options.gateway
        self._history = History(options.site_timezone)
        self._latest = 0.0

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Look up what Voltkeeper heard itself."""
        self._recorded = LazyRanges(lambda: heard_ranges(connection, self._gateway))
        self._history.read_voltage_rules(connection)

    def absorb(self, record: Record, is_new: bool) -> str | None:
        """Take a message; the reason why it is skipped, or None."""
        assert isinstance(record, Message)
        if contains(self._recorded.at(record.at), record.at):
            return HEARD_HERE
        self._latest = max(self._latest, record.at)
        message = (record.header, record.payload)
        self._history.absorb(ReceivedBlock(self._gateway, "", record.at, self._latest, "import", [message]))
        return None

    def write(self, connection: sqlite3.Connection) -> set[str]:
        """Write what the store holds."""
        return self._history.save(connection, self.checkpoint)

    def committed(self) -> None:
        """Forget what is in the file."""
        self._history.committed()

    def discard(self) -> None:
        """Keep what was learned, write nothing."""
        self._history.discard(self.resumed)

    def finish(self, connection: sqlite3.Connection) -> None:
        """Merge the nodes and sensors as the end of the file leaves them."""
        merge_states(connection, list(self._history.unmerged))


class History(Store):
    """The daemon's store, which writes behind what is there instead of over it."""

    def __init__(self, timezone: str) -> None:
        with closing(sqlite3.connect(":memory:")) as memory:
            migrations.apply(Database(memory))
            super().__init__(memory, timezone)
        self.unmerged: dict[RowState, None] = {}  # nodes and sensors to be merged at the end of the file
        self._requests = HeartbeatRequests()

    def read_voltage_rules(self, connection: sqlite3.Connection) -> None:
        """Read which channels report a battery, from the file that the rows go into."""
        self._voltages.read(connection)

    def absorb(self, item: StoreItem) -> None:
        """The same; and count the windows that heartbeats announce, as the controller of a gateway does."""
        super().absorb(item)
        if isinstance(item, ReceivedBlock):
            for header, payload in item.messages:
                self._count_window(256 * item.gateway + header.node, header, payload, item.monotonic)

    def _count_window(self, key: int, header: Header, payload: str, at: float) -> None:
        if header.echo:
            self._requests.note(header, at)
        elif header.command == Command.internal and header.type == Internal.I_HEARTBEAT_RESPONSE:
            node = self.nodes.get(key)
            if node is None or self._requests.is_answer(header.node, payload, at):
                return
            if announces_by_heartbeat(node.protocol_version):
                self._apply_sleep(SleepObserved(key, count_window(node.windows)))

    def save(self, connection: sqlite3.Connection, checkpoint: Checkpoint) -> set[str]:
        """Write what is pending, with ids of the checkpoint; returns the topics that changed."""
        self._collect_interval_stats()
        self._collect_gaps(self.nodes.values())
        topics = self._save_states(connection)
        messages = self._pending.messages
        count = len(messages) // MESSAGE
        ids = checkpoint.take_ids(count)
        for insert, values, positions in (
            (MESSAGES, messages, range(count)),
            (READINGS, self._pending.readings, self._reading_positions),
            (BATTERY_LEVELS, self._pending.battery_levels, self._level_positions),
        ):
            if values:
                insert.numbered(connection, values, [ids[position] for position in positions])
                topics.add(insert.table)
        connection.executemany(KEEP_RAW, [(raw, ids[position]) for raw, position in self._pending.raws])
        connection.executemany(WITHDRAW_ODDITY, self._pending.withdrawn)
        for at, position, *rest in self._pending.oddities:
            connection.execute(INSERT_ODDITY, (at, ids[position], *rest))
            topics.add("oddities")
        hours = [row for channel in self.channels.dirty for row in channel.hourly_rows()]
        connection.executemany(MERGE_HOURS, hours)
        connection.executemany(MERGE_DAYS, self._pending.daily)
        topics |= self._links.write(connection)
        request_rereading(connection, self._pending.doubted)
        first = first_day(time.time())
        save_gaps(connection, [row for row in self._pending.gaps if row.day >= first])
        if count:
            gateway = int(messages[MESSAGE_COLUMNS.index("gateway")] or 0)
            times = [str(at) for at in messages[MESSAGE_COLUMNS.index("received_at") :: MESSAGE]]
            node = self.nodes.get(256 * gateway)
            save_gateway_heard(
                connection, gateway, min(times), max(times), node.protocol_version if node else None
            )
        return topics

    def _save_states(self, connection: sqlite3.Connection) -> set[str]:
        totals = {channel: channel.readings for channel in self.channels.dirty}
        for channel in totals:
            channel.readings = sum(sums.count for sums in channel.hours.values())
        dirty = (*self.nodes.dirty, *self.sensors.dirty, *self.channels.dirty)
        topics = save_states(connection, dirty, dated=True)
        self._merge_at_end()
        for channel, total in totals.items():
            channel.readings = total
        return topics

    def _merge_at_end(self) -> None:
        self.unmerged |= dict.fromkeys((*self.nodes.dirty, *self.sensors.dirty))

    def discard(self, resumed: bool) -> None:
        """Drop the rows that are pending.

        What they say of nodes and sensors counts where the import is `resumed`: the run before did not come
        so far.
        """
        if resumed:
            self._merge_at_end()
        self._collect_interval_stats()
        self._collect_gaps(self.nodes.values())
        self.committed()

    # Readings and battery levels get the ids of the messages that they stood in.

    def _clear_pending(self) -> None:
        super()._clear_pending()
        self._reading_positions: list[int] = []
        self._level_positions: list[int] = []

    def _add_reading(self, channel: ChannelState, at: str, hour: str, payload: str, position: int) -> None:
        self._reading_positions.append(position)
        super()._add_reading(channel, at, hour, payload, position)

    def _add_battery_level(
        self, at: str, node: int, level: float | None, position: int, from_voltage: bool = False
    ) -> None:
        self._level_positions.append(position)
        super()._add_battery_level(at, node, level, position, from_voltage)
