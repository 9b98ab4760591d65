"""The rows of a Store that wait for the next commit, and the statements that insert them."""

import sqlite3
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from ingest.db.bulk_insert import Insert, Value, WaitingRows
from ingest.mysensors.interval_stats import DailyRow
from ingest.mysensors.silence import GapRow

# Those that are the same for all messages of a route come first.
MESSAGE_COLUMNS = (
    "gateway node node_id child_id command echo type type_name received_at payload repeat".split()
)
MESSAGE = len(MESSAGE_COLUMNS)  # values of a row
MESSAGES = Insert("messages", MESSAGE_COLUMNS)
READINGS = Insert("readings", ["received_at", "channel", "value", "text", "wrong"])
REJECT_COLUMNS = ["received_at", "source", "raw", "reason"]
REJECT = len(REJECT_COLUMNS)  # values of a row
REJECTS = Insert("rejects", REJECT_COLUMNS)
BATTERY_LEVELS = Insert("battery_levels", ["received_at", "node", "level", "from_voltage"])
ODDITIES = Insert("oddities", ["at", "message", "node", "channel", "reason"])
MARK_RETAINED = "update messages set retained = 1 where id = ?"
KEEP_RAW = "update messages set raw = ? where id = ?"
WITHDRAW_ODDITY = "delete from oddities where node = ? and at = ? and reason = ?"


class Oddity(NamedTuple):
    """A row of `oddities`; the message is the one at this position of those that wait to be written."""

    at: str
    position: int
    node: int | None
    channel: int | None
    reason: str


@dataclass(slots=True)
class UnwrittenRows:
    """What waits to be written; the lists of values hold those of several rows, one after the other."""

    messages: WaitingRows = field(default_factory=partial(WaitingRows, MESSAGES))
    readings: WaitingRows = field(default_factory=partial(WaitingRows, READINGS))
    rejects: list[Value] = field(default_factory=list)
    battery_levels: list[Value] = field(default_factory=list)
    oddities: list[Oddity] = field(default_factory=list)
    withdrawn: list[tuple[int, str, str]] = field(default_factory=list)  # node, at, reason of oddities
    raws: list[tuple[bytes, int]] = field(default_factory=list)  # bytes of a payload, position of its message
    retained: list[int] = field(default_factory=list)  # positions of messages that a broker had retained
    daily: list[DailyRow] = field(default_factory=list)
    given_ids: list[tuple[int, int, int, str]] = field(default_factory=list)
    gaps: list[GapRow] = field(default_factory=list)
    gateways_seen: dict[int, str] = field(default_factory=dict)  # gateways.id -> when (UTC text)
    doubted: set[int] = field(default_factory=set)  # channels whose first readings are to be read again

    def drop_raw(self) -> tuple[int, int]:
        """Leave out raw messages, and what refers to them, and unreadable lines: returns how many of each."""
        dropped = len(self.messages) // MESSAGE, len(self.rejects) // REJECT
        self.messages = WaitingRows(MESSAGES)
        self.rejects, self.oddities, self.raws, self.retained = [], [], [], []
        return dropped

    def write_history(self, connection: sqlite3.Connection) -> set[str]:
        """Insert messages and what follows from them in the open transaction; returns the topics."""
        first = self.messages.insert_rest(connection) or 0
        connection.executemany(KEEP_RAW, [(raw, first + position) for raw, position in self.raws])
        connection.executemany(MARK_RETAINED, [(first + position,) for position in self.retained])
        self.readings.insert_rest(connection)
        BATTERY_LEVELS.append(connection, self.battery_levels)
        connection.executemany(WITHDRAW_ODDITY, self.withdrawn)
        oddities: list[Value] = []
        for at, position, *rest in self.oddities:
            oddities += (at, first + position, *rest)
        ODDITIES(connection, oddities)
        REJECTS(connection, self.rejects)
        topics = ("messages", "readings", "battery_levels", "oddities", "rejects")
        return {topic for topic in topics if getattr(self, topic)}
