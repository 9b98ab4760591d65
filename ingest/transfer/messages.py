"""Messages of another program as our rows, by way of the store that the daemon uses: same parser, same figures.

The store works on an empty memory of its own, so that what it learns is what the file tells; `states` merges that. It marks
no oddities: they belong to the moment of receiving.
"""

import sqlite3
from contextlib import closing

from sqlite_utils import Database

from ingest.mysensors.interval_stats import MERGE_DAYS
from ingest.mysensors.records import ReceivedBlock
from ingest.mysensors.state import MERGE_HOURS
from ingest.mysensors.store import BATTERY_LEVELS, MESSAGE, MESSAGES, READINGS, Store
from ingest.schema.migrate import migrations
from ingest.transfer.checkpoint import reserve
from ingest.transfer.recorded_ranges import Look, heard, within
from ingest.transfer.states import merge_states, save_heard, save_states

HEARD_HERE = "Voltkeeper heard the gateway itself at that time"


class Messages:
    """Sink of an import for the messages of one gateway."""

    def __init__(self, options):
        self._gateway = options.gateway
        self._history = History(options.house_timezone)
        self._latest = 0.0
        self._entry = self._own = None

    def look(self, connection):
        """Before anything else, outside a transaction: it may take its time."""
        self._own = Look(lambda: heard(connection, self._gateway))

    def begin(self, connection, entry, number):
        """Inside the open transaction: `number` more rows may come."""
        self._entry = entry
        reserve(connection, entry, "messages", number)

    def resume(self, entry):
        self._entry = entry
        self._history.resumed = True

    def absorb(self, message, fresh):
        """Take a message; the reason why it is left out, or None."""
        if within(self._own.at(message.at), message.at):
            return HEARD_HERE
        self._latest = max(self._latest, message.at)
        self._history.absorb(
            ReceivedBlock(
                self._gateway, "", message.at, self._latest, "import", [(message.header, message.payload)]
            )
        )
        return None

    def write(self, connection):
        topics, self._entry.next_id = self._history.save(connection, self._entry.next_id)
        return topics

    def committed(self):
        self._history.committed()

    def forget(self):
        """What was absorbed is stored since an earlier import: keep what it taught, write nothing."""
        self._history.forget()

    def end(self, connection):
        """All has been told."""
        merge_states(connection, list(self._history.told))


class History(Store):
    """The daemon's store, which writes behind what is there instead of over it."""

    def __init__(self, timezone):
        with closing(sqlite3.connect(":memory:")) as memory:
            migrations.apply(Database(memory))
            super().__init__(memory, timezone)
        self.told = {}  # nodes and sensors that have to be merged when all has been told
        self.resumed = (
            False  # also those of rows that are stored: the run before this one did not come so far
        )

    def save(self, connection, first):
        """Write what is pending, messages from the id `first` on. Returns (topics, the next id)."""
        self._collect_interval_stats()
        totals = {}
        for channel in self.channels.dirty:
            totals[channel] = channel.readings
            channel.readings = sum(sums.count for sums in channel.hours.values())
        topics = save_states(
            connection, [*self.nodes.dirty, *self.sensors.dirty, *self.channels.dirty], dated=True
        )
        self._tell_at_end()
        for channel, total in totals.items():
            channel.readings = total
        rows = [self._messages[start : start + MESSAGE] for start in range(0, len(self._messages), MESSAGE)]
        for insert, values, places in (
            (MESSAGES, self._messages, range(len(rows))),
            (READINGS, self._readings, self._readings_of),
            (BATTERY_LEVELS, self._battery_levels, self._levels_of),
        ):
            if values:
                insert.numbered(connection, values, [first + place for place in places])
                topics.add(insert.table)
        connection.executemany(
            MERGE_HOURS, [row for channel in self.channels.dirty for row in channel.hourly_rows()]
        )
        connection.executemany(MERGE_DAYS, self._daily)
        if rows:
            gateway, times = rows[0][1], [row[0] for row in rows]
            own = self.nodes.get(256 * gateway)
            save_heard(connection, gateway, min(times), max(times), own and own.protocol_version)
        return topics, first + len(rows)

    def _tell_at_end(self):
        self.told |= dict.fromkeys((*self.nodes.dirty, *self.sensors.dirty))

    def forget(self):
        """Drop the rows that are pending."""
        if self.resumed:
            self._tell_at_end()
        self._collect_interval_stats()
        self.committed()

    # Readings and battery levels get the ids of the messages that they stood in.

    def _clear_pending(self):
        super()._clear_pending()
        self._readings_of, self._levels_of = [], []

    def _add_reading(self, channel, at, hour, payload, position):
        self._readings_of.append(position)
        super()._add_reading(channel, at, hour, payload, position)

    def _apply_message(self, route, at, monotonic, header, payload, position):
        levels = len(self._battery_levels)
        super()._apply_message(route, at, monotonic, header, payload, position)
        if len(self._battery_levels) > levels:
            self._levels_of.append(position)
