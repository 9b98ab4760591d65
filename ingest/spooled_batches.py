"""Batches in the spool: which items are kept, and what becomes of them at the next start of ingest.

A batch is restored once: `ingest_status` holds the id of the last batch that was committed, and of the last
one that was restored. Into a file that is not the one it was meant for (an older copy, a new one) only what
was observed is restored: the rest is about rows that this file does not have.
"""

import base64
import json
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar, get_args

from ingest.db.moment import Moment
from ingest.mysensors.commands import NodeOrderChange
from ingest.mysensors.dropped import GatewayDropped
from ingest.mysensors.events import GatewayConnected, GatewayItem, GatewayLost
from ingest.mysensors.ota_records import OtaRecord
from ingest.mysensors.payload_text import RawText
from ingest.mysensors.records import ReceivedBlock, StoreItem, ValueAsked
from ingest.pipeline.batch import Batch
from ingest.pipeline.item_codec import Item, ItemCodec, Json, Special
from ingest.pipeline.source_health import committed_batches
from ingest.pipeline.spool import Spool
from ingest.pipeline.writer import AnySink
from ingest.ups.orders import UpsOrderChange
from ingest.ups.records import UpsItem

log = logging.getLogger(__name__)


def _raw_text(encoded: list[str]) -> RawText:
    text = RawText(encoded[1])
    text.raw, text.reason = base64.b64decode(encoded[0]), encoded[2]
    return text


RAW_TEXT = Special(
    RawText, lambda text: [base64.b64encode(text.raw).decode(), str(text), text.reason], _raw_text
)
CODEC = ItemCodec(
    (StoreItem, GatewayItem, GatewayDropped, OtaRecord, NodeOrderChange, UpsItem, UpsOrderChange), (RAW_TEXT,)
)
NOT_KEPT = (ValueAsked,)  # a question of a node, which asks again
OBSERVED = (ReceivedBlock, GatewayConnected, GatewayLost, *get_args(UpsItem))
MOST_UNITS = 20_000  # of a batch that is made for the spool

TRIES, TRY_S = 20, 0.1  # of what a failing disk may do at the next attempt
T = TypeVar("T")

SinkOf = Callable[[object], AnySink]  # an item -> the sink that takes it


class Unwritten(NamedTuple):
    """What became of the units of work that could not be written: how many the spool has, how many not."""

    kept: int
    lost: int
    problem: str = ""


def split(batch: Batch) -> list[Batch]:
    """Divide a batch that is too large for one transaction; the first part has its id."""
    parts = [Batch(batch.id, batch.after)]
    units = 0
    for item in batch.items:
        if units >= MOST_UNITS:
            parts.append(Batch(after=parts[-1].id))
            units = 0
        parts[-1].items.append(item)
        units += item[2]
    return parts


class SpooledBatches:
    """The spool of this process, and what processes before it have left in theirs."""

    def __init__(self, database: Path, sources: Iterable[str]) -> None:
        """`sources` are what this process reads: batches of others are left to those that read them."""
        self._sources = set(sources)
        self._spools: list[Spool] = []
        self.number = 1  # of this process among those that read into the database
        try:
            self._spools = Spool.open_all(database, self._is_own)
            self.number = self._spools[0].number
            self._spools[0].allocate()
        except OSError as error:  # ingest runs without it
            log.warning("The spool beside %s cannot be allocated: %s", database, error.strerror or error)

    def _is_own(self, spool: Spool) -> bool:
        try:
            contents = [json.loads(text) for text in _retried(spool.read)]
            return all(self._sources.issuperset(one["sources"]) for one in contents)
        except (OSError, ValueError, TypeError, KeyError):
            return True  # load() says what is wrong with it

    def load(
        self, connection: sqlite3.Connection, gateways: Mapping[str, int], sink_of: SinkOf
    ) -> list[Batch]:
        """Return the batches that are not in the file yet, oldest first.

        A spool that holds something else is renamed, so that it blocks no later start. Raises sqlite3.Error.
        """
        known, batches = committed_batches(connection), []
        for spool in self._spools:
            try:
                held = [json.loads(text) for text in _retried(spool.read)]
                contents = list({one["id"]: one for one in held}.values())  # each once
                stored = max((n + 1 for n, one in enumerate(contents) if one["id"] in known), default=0)
                is_same_file = bool(stored) or not contents or contents[0]["after"] in known
                batches += [_decode(one, gateways, sink_of, is_same_file) for one in contents[stored:]]
                if contents and stored == len(contents):  # without items: to be remembered, and cleared
                    batches.append(Batch(contents[-1]["id"], is_spooled=True))
            except OSError as error:
                log.error("%s cannot be read: %s", spool.path, error)
            except (ValueError, TypeError, KeyError, IndexError) as error:
                log.error("%s cannot be read (%s): it is kept as %s", spool.path, error, spool.set_aside())
        return batches

    def keep(self, batches: Iterable[Batch], gateways: Mapping[str, int]) -> Unwritten:
        """Keep batches for the next start. `gateways` are the numbers in the file they were meant for."""
        waiting = [part for batch in batches for part in split(batch) if part.items]
        units = [part.units for part in waiting]
        if not self._spools:
            return Unwritten(0, sum(units), "there is no spool")
        own = self._spools[0]
        try:
            texts = [_encode(part, gateways, self._sources) for part in waiting]
            start = _retried(own.end)  # once: what an attempt that failed has written is written over
            kept = _retried(lambda: own.append(texts, start))
        except (OSError, TypeError) as error:
            return Unwritten(0, sum(units), f"{own.path}: {error}")
        lost = sum(units[kept:])
        return Unwritten(sum(units[:kept]), lost, f"{own.path} is full" if lost else "")

    def clear(self) -> None:
        """Forget what is in the file now; the ids of batches see to it where this fails."""
        for spool in self._spools:
            try:
                _retried(spool.clear)
            except OSError as error:
                log.warning("%s: %s", spool.path, error)

    def set_aside(self) -> None:
        """Put away what cannot be stored, under a name that is never read again."""
        for spool in self._spools:
            if spool.read():
                log.error("What %s holds cannot be stored: it is kept as %s", spool.path, spool.set_aside())

    def close(self) -> None:
        """Let other processes have the spools."""
        for spool in self._spools:
            spool.close()


def _retried(action: Callable[[], T]) -> T:
    """Do it, several times where the disk gives errors now and then. Raises the last OSError."""
    for _ in range(TRIES - 1):
        try:
            return action()
        except OSError as error:
            log.debug("The spool: %s, trying again", error)
            time.sleep(TRY_S)
    return action()


def _encode(batch: Batch, gateways: Mapping[str, int], sources: Iterable[str]) -> bytes:
    items = [(item, units) for _, item, units in batch.items if not isinstance(item, NOT_KEPT)]
    content = {
        "id": batch.id,
        "after": batch.after,
        "at": Moment.now(),
        "gateways": dict(gateways),
        "sources": sorted(sources),
        "units": [units for _, units in items],
        "items": CODEC.encode(item for item, _ in items),
    }
    return json.dumps(content, separators=(",", ":")).encode()


def _decode(
    content: Json,
    gateways: Mapping[str, int],
    sink_of: SinkOf,
    is_same_file: bool,
) -> Batch:
    later_s = _later_s(Moment(*content["at"]))
    batch = Batch(content["id"], content["after"], is_spooled=True)
    numbers = {number: gateways.get(name) for name, number in content["gateways"].items()}
    is_same_file = is_same_file and all(number == now for number, now in numbers.items())
    left_out = 0
    for item, units in zip(CODEC.decode(content["items"], later_s), content["units"], strict=True):
        restored = item if is_same_file else _for_other_file(item, numbers)
        if restored is None:
            left_out += 1
        else:
            batch.items.append((sink_of(restored), restored, units))
    if left_out:
        log.warning("%d results of orders are about rows that this file does not have: left out", left_out)
    return batch


def _later_s(spooled: Moment) -> float:
    """What brings a time of the monotonic clock, as it was when it was spooled, to that of today."""
    now = Moment.now()
    return now.monotonic - spooled.seconds_to(now) - spooled.monotonic


def _for_other_file(item: Item, numbers: Mapping[int, int | None]) -> Item | None:
    """The item with the number that its gateway has in this file; None where it has no place there."""
    if not isinstance(item, OBSERVED):
        return None
    if not isinstance(item, (ReceivedBlock, GatewayConnected, GatewayLost)):
        return item
    number = numbers.get(item.gateway)
    return None if number is None else replace(item, gateway=number)
