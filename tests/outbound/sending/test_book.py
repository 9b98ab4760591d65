"""Deliveries that the database does not take: sent from memory, kept in the spool, stored when it works."""

import asyncio
import os
import sqlite3
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import pytest

from ingest.db.connection import connect
from ingest.severity import Severity
from outbound.alerts.delivery import Delivery
from outbound.alerts.model import DeliveryKind, DeliveryState
from outbound.alerts.plan import DeliveryPlan
from outbound.alerts.spool import DeliverySpool
from outbound.database import DatabaseUnavailableError, OutboundDatabase
from outbound.sending.book import DeliveryBook
from tests.helpers.new_database import new_database


def delivery(event, kind=DeliveryKind.BEGIN, **fields):
    values = {"severity": Severity.CRITICAL, "created_at": 1000.0, "text": "text"} | fields
    return Delivery(event=event, target="phone", kind=kind, title=f"event {event}", **values)


@contextmanager
def locked(path):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("begin immediate")
    yield
    connection.close()


# What a connection does to itself, and how it is undone.
FULL = ("pragma max_page_count = 1", "pragma max_page_count = 1000000")
READ_ONLY = ("pragma query_only = 1", "pragma query_only = 0")


def open_book(path):
    database = OutboundDatabase(path, busy_s=0.05)
    return database, DeliveryBook(database, DeliverySpool.open(path))


def rows(path, columns="event, kind, state, digest"):
    connection = connect(path)
    try:
        return connection.execute(f"select {columns} from deliveries order by id").fetchall()
    finally:
        connection.close()


@pytest.fixture
def path(tmp_path):
    return new_database(tmp_path / "telemetry.db")


@pytest.mark.parametrize("trouble", [None, FULL, READ_ONLY], ids=["locked", "full", "read-only"])
def test_a_database_that_cannot_be_written_keeps_no_message_back(path, trouble):
    async def scenario():
        database, book = open_book(path)
        await book.start()
        begin, end = trouble or ("select 1", "select 1")
        await database.run(lambda connection: connection.execute(begin).fetchall())
        with locked(path) if trouble is None else nullcontext():
            long = delivery(3, text="x" * 5000)
            assert not await book.add(DeliveryPlan([[delivery(1)], [delivery(2), long]]))
            first, second = await book.waiting("phone")
            assert (first.title, second.title) == ("event 1", "event 2")
            assert [one.event for one in book.known(3)] == [3]
            await book.save(replace(first, state=DeliveryState.SENDING, attempts=1))
            done = {"state": DeliveryState.SENT, "attempts": 1, "sent_at": 1001.0}
            await book.save(replace(first, **done))
            await book.save(replace(second, **done))
            assert await book.waiting("phone") == []
        await database.run(lambda connection: connection.execute(end).fetchall())
        assert await book.settle() and not book.unsaved
        await database.close()

    asyncio.run(scenario())
    assert rows(path) == [(1, "begin", "sent", None), (2, "begin", "sent", None), (3, "begin", "sent", 2)]


def test_what_is_in_the_spool_goes_on_in_the_next_process(path):
    async def first():
        database, book = open_book(path)
        await book.start()
        with locked(path):
            await book.add(DeliveryPlan([[delivery(1)], [delivery(None)]]))
            one, _ = await book.waiting("phone")
            await book.save(replace(one, state=DeliveryState.SENDING, attempts=1))
        await database.close()

    async def second():
        database, book = open_book(path)
        await book.start()
        waiting = await book.waiting("phone")
        assert [(one.event, one.state, book.is_uncertain(one)) for one in waiting] == [
            (1, "sending", True),
            (None, "queued", False),
        ]
        assert not book.unsaved and all(one.id > 0 for one in waiting)
        await database.close()
        return waiting

    asyncio.run(first())
    asyncio.run(second())
    asyncio.run(second())  # nothing twice
    assert len(rows(path)) == 2


def test_a_spool_that_was_stored_before_it_was_emptied_is_not_stored_again(path):
    async def scenario():
        _, book = open_book(path)
        await book.start()
        with locked(path):
            await book.add(DeliveryPlan([[delivery(None)]]))
        kept = path.with_name(f"{path.name}-outbound-spool").read_bytes()
        await book.settle()
        path.with_name(f"{path.name}-outbound-spool").write_bytes(kept)
        _, book = open_book(path)
        await book.start()
        assert not book.unsaved

    asyncio.run(scenario())
    assert len(rows(path)) == 1


def test_a_row_that_was_written_during_the_trouble_is_taken_over(path):
    """The process ended between the row and its cursor: the same event is planned again."""

    async def scenario():
        _, book = open_book(path)
        await book.start()
        await book.add(DeliveryPlan([[delivery(1)]]))
        with locked(path):
            await book.add(DeliveryPlan([[delivery(1)]]))
        await book.settle()
        assert len(await book.waiting("phone")) == 1

    asyncio.run(scenario())
    assert len(rows(path)) == 1


def test_deliveries_of_memory_and_rows_become_one_digest(path):
    async def scenario():
        _, book = open_book(path)
        await book.start()
        await book.add(DeliveryPlan([[delivery(1)]]))
        with locked(path):
            await book.add(DeliveryPlan([[delivery(2)]]))
            waiting = await book.waiting("phone")
            carrier = await book.merge(delivery(None, DeliveryKind.DIGEST), waiting)
            assert [one.id for one in await book.waiting("phone")] == [carrier.id]
        await book.settle()
        await book.save(replace(carrier, state=DeliveryState.SENT, sent_at=5.0))

    asyncio.run(scenario())
    assert {row[:3] for row in rows(path)} == {
        (1, "begin", "sent"),
        (None, "digest", "sent"),
        (2, "begin", "sent"),
    }
    [digest] = [id for id, kind in rows(path, "id, kind") if kind == "digest"]
    assert {row[3] for row in rows(path) if row[1] == "begin"} == {digest}


def test_a_database_that_is_replaced_is_opened_anew(path, tmp_path):
    async def scenario():
        database, book = open_book(path)
        await book.start()
        await book.add(DeliveryPlan([[delivery(1)]]))
        [old] = await book.waiting("phone")
        other = new_database(tmp_path / "other.db")
        os.rename(other, path)
        for end in ("-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
        database._looked = float("-inf")
        with pytest.raises(DatabaseUnavailableError, match="replaced by another file"):
            await database.run(lambda connection: None)
        assert database.replaced == 1
        book.forget_rows()
        await book.start()
        await book.add(DeliveryPlan([[delivery(7, created_at=2000.0)]]))
        assert not await book.save(replace(old, state=DeliveryState.SENT))  # a row of the other file

    asyncio.run(scenario())
    assert rows(path) == [(7, "begin", "queued", None)]


def test_a_database_that_is_away_is_not_made(path):
    async def scenario():
        _, book = open_book(path)
        path.unlink()
        with pytest.raises(DatabaseUnavailableError, match="is not there"):
            await book.start()
        assert not await book.add(DeliveryPlan([[delivery(None)]]))
        assert len(await book.waiting("phone")) == 1

    asyncio.run(scenario())
    assert not path.exists()


def test_nothing_waits_before_it_is_known_what_was_being_sent(path):
    async def scenario():
        _, book = open_book(path)
        await book.start()
        await book.add(DeliveryPlan([[delivery(1)]]))
        [waiting] = await book.waiting("phone")
        await book.save(replace(waiting, state=DeliveryState.SENDING))
        _, again = open_book(path)
        assert await again.waiting("phone") == []
        await again.start()
        [waiting] = await again.waiting("phone")
        assert again.is_uncertain(waiting)

    asyncio.run(scenario())


@pytest.mark.parametrize("is_locked", [False, True])
def test_a_digest_that_waits_stands_where_its_first_message_stood(path, is_locked):
    async def scenario():
        _, book = open_book(path)
        await book.start()
        await book.add(DeliveryPlan([[delivery(1)], [delivery(2)], [delivery(3)]]))
        waiting = await book.waiting("phone")
        with locked(path) if is_locked else nullcontext():
            await book.merge(delivery(None, DeliveryKind.DIGEST), waiting[:2])
            assert [one.event for one in await book.waiting("phone")] == [None, 3]
        await book.settle()
        assert [one.event for one in await book.waiting("phone")] == [None, 3]

    asyncio.run(scenario())
