"""Alerts at work in this process: targets that fail, events that cannot be stored, rows of other programs."""

import asyncio
import sqlite3
import time
from contextlib import asynccontextmanager, closing
from dataclasses import replace

import pytest

from ingest.config.alerts import AlertRule, Alerts, AlertTarget, QuietHours
from ingest.db.connection import connect
from ingest.db.time import format_utc
from ingest.severity import Severity
from outbound.alerts import messages, retries
from outbound.alerts.delivery import new_delivery
from outbound.alerts.messages import AlertSite
from outbound.alerts.model import AlertEvent, DeliveryKind
from outbound.alerts.plan import DeliveryPlan, save_plan
from outbound.alerts.spool import DeliverySpool
from outbound.daemon import make_senders
from outbound.database import OutboundDatabase
from outbound.sending.book import DeliveryBook
from outbound.sending.service import AlertService
from tests.helpers.alert_receiver import DOWN, REFUSING, UP, AlertReceiver
from tests.helpers.delivered import read_deliveries
from tests.helpers.new_database import new_database

SITE = AlertSite("", "UTC")
DAMAGED = AlertEvent(
    None, "DATABASE_DAMAGED", Severity.CRITICAL, "database", "telemetry.db", "telemetry.db", 1000.0
)


@pytest.fixture
def path(tmp_path):
    return new_database(tmp_path / "telemetry.db")


@pytest.fixture
def receivers():
    with AlertReceiver() as phone, AlertReceiver() as other:
        yield {"phone": phone, "other": other}


@asynccontextmanager
async def running(path, receivers, senders=None, can_start=True, **options):
    """The service, started where it can; it is cancelled at the end."""
    targets = tuple(AlertTarget(name, url=one.url) for name, one in receivers.items())
    alerts = Alerts(targets, **options)
    database = OutboundDatabase(path, busy_s=0.05)
    book = DeliveryBook(database, DeliverySpool.open(path))
    service = AlertService(alerts, SITE, database, book, make_senders(targets, None) | (senders or {}))
    task = asyncio.create_task(service.run())
    try:
        await until(lambda: service._is_started or not can_start)
        yield service
    finally:
        task.cancel()
        await asyncio.wait((task,))
        await database.close()


async def until(found, seconds=10.0):
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end
        await asyncio.sleep(0.02)
    return value


def execute(path, sql, *values):
    with closing(connect(path)) as connection:
        return connection.execute(sql, values).fetchall()


def begin(path, event="CLOCK_SUSPECT"):
    execute(path, "insert into events (event, started_at) values (?, ?)", event, format_utc(time.time()))


def states(path, target):
    return [row["state"] for row in read_deliveries(path) if row["target"] == target]


def test_a_target_that_fails_is_an_event_that_goes_to_the_others(path, receivers, monkeypatch):
    monkeypatch.setattr(retries, "FAILING_S", 0.5)
    open_events = "select figures ->> '$.target', ended_at is null from events where event = 'TARGET_FAILING'"
    rule = AlertRule(("CLOCK_SUSPECT",), ("phone",))

    async def scenario():
        receivers["phone"].mode = REFUSING
        async with running(path, receivers, rules=(rule,)):
            begin(path)
            await until(lambda: receivers["other"].received)
            assert execute(path, open_events) == [("phone", 1)]
            [row] = [row for row in read_deliveries(path) if row["target"] == "phone"]
            assert "503" in row["reason"] and "maintenance until ten" in row["reason"]
            receivers["phone"].mode = UP
            await until(lambda: len(receivers["other"].received) == 2)
            assert execute(path, open_events) == [("phone", 0)]
            assert len(receivers["phone"].received) == 1

    asyncio.run(scenario())
    assert states(path, "phone") == ["sent"]


@pytest.mark.parametrize("is_locked", [True, False])
def test_an_event_that_cannot_be_stored_is_sent_and_stored_later(path, receivers, is_locked):
    async def scenario():
        async with running(path, receivers) as service:
            with closing(sqlite3.connect(path, isolation_level=None)) as holder:
                if is_locked:
                    holder.execute("begin immediate")
                service.take_memory_event(DAMAGED)
                await until(lambda: all(one.received for one in receivers.values()))
                assert read_deliveries(path) == [] or not is_locked
            await until(lambda: len(read_deliveries(path)) == 2)
            await until(lambda: states(path, "phone") == ["sent"])

    asyncio.run(scenario())
    assert receivers["phone"].titles == ["telemetry.db: damaged"]
    assert {row["event_name"] for row in read_deliveries(path)} == {"DATABASE_DAMAGED"}


def test_an_event_that_cannot_be_stored_is_not_sent_again_by_another_process(path, receivers):
    async def scenario():
        async with running(path, receivers) as service:
            holder.execute("begin immediate")
            service.take_memory_event(DAMAGED)
            await until(lambda: all(one.received for one in receivers.values()))
            await until(lambda: [row.state for row in service._book.of_memory] == ["sent", "sent"])
        async with running(path, receivers, can_start=False) as service:
            service.take_memory_event(DAMAGED)
            service.take_memory_event(replace(DAMAGED, ended_at=1060.0))
            await until(lambda: all(len(one.received) > 1 for one in receivers.values()))

    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        asyncio.run(scenario())
    for receiver in receivers.values():
        assert receiver.titles == ["telemetry.db: damaged", "telemetry.db: no longer damaged after 1 min"]


def test_a_test_is_sent_at_once_and_fails_at_once(path, receivers):
    def place(target):
        with closing(connect(path)) as connection:
            delivery = new_delivery(messages.test_message(target, time.time(), SITE), target, time.time())
            save_plan(connection, DeliveryPlan([[delivery]]))

    async def scenario():
        receivers["phone"].mode = DOWN
        async with running(path, receivers, quiet=QuietHours("00:00", "23:59", "none")):
            place("phone")
            place("other")
            await until(lambda: states(path, "phone") == ["failed"] and states(path, "other") == ["sent"])

    asyncio.run(scenario())
    assert "refused" in read_deliveries(path)[0]["reason"]


class Breaking:
    """A plug-in that fails in a way of its own."""

    address = "broken://"

    async def send(self, message, number=None):
        raise ZeroDivisionError("a plug-in")


class Hanging:
    """A plug-in that never returns."""

    address = "hanging://"

    async def send(self, message, number=None):
        await asyncio.sleep(1000)


@pytest.mark.parametrize("sender", [Breaking(), Hanging()])
def test_a_sender_that_breaks_harms_no_other_target(path, receivers, sender):
    async def scenario():
        async with running(path, receivers, {"phone": sender}):
            begin(path)
            await until(lambda: receivers["other"].received)

    asyncio.run(scenario())
    assert states(path, "phone") in (["queued"], ["sending"])


@pytest.mark.parametrize("clock_was_set", [False, True])
def test_what_is_too_old_or_has_no_target_expires(path, receivers, clock_was_set):
    now = time.time()
    message = messages.test_message("x", now, SITE)

    def row(target, age_days):
        one = new_delivery(message, target, now - age_days * 86_400)
        return [replace(one, kind=DeliveryKind.DIGEST)]

    async def scenario():
        with closing(connect(path)) as connection:
            save_plan(connection, DeliveryPlan([row("phone", 61), row("phone", 59), row("former", 0)]))
            if clock_was_set:
                at = format_utc(now)
                sql = "insert into events (event, started_at, ended_at) values ('CLOCK_STEP', ?, ?)"
                connection.execute(sql, (at, at))
        async with running(path, receivers):
            first = "sent" if clock_was_set else "expired"
            await until(lambda: states(path, "phone") == [first, "sent"])

    asyncio.run(scenario())
    assert states(path, "former") == ["expired"]


def test_another_database_in_the_place_of_the_old_one_is_followed(path, receivers, tmp_path):
    async def scenario():
        other = new_database(tmp_path / "other.db")
        async with running(path, receivers):
            await until(lambda: execute(path, "select 1 from alert_cursor"))
            for end in ("-wal", "-shm"):
                path.with_name(path.name + end).unlink(missing_ok=True)
            other.rename(path)
            await until(lambda: execute(path, "select 1 from alert_cursor"))
            begin(path)
            await until(lambda: receivers["phone"].received)

    asyncio.run(scenario())
