"""Maintenance while the real ingest writes: nothing is lost, no writer waits, a deleted node comes back."""

import socket
import sqlite3
import threading
import time

import pytest

from ingest.config.model import Config
from ingest.config.retention import Retention
from ingest.db.connection import connect, transaction
from ingest.maintenance.jobs import run_due
from ingest.maintenance.prune import prune
from ingest.maintenance.retention import plan


class Said:
    """A gateway on a port of ours: what it says, and what ingest says to it."""

    def __init__(self, server):
        self.connection, _ = server.accept()
        self.heard = b""
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while data := self.connection.recv(65536):
            self.heard += data

    def say(self, *lines):
        self.connection.sendall("".join(line + "\n" for line in lines).encode())


@pytest.fixture
def live(house, voltkeeper, write_config):
    """(a gateway that ingest reads, the house's Config) on a house with a past."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        config = write_config(
            f"database: {house.database}\ntimezone: UTC\ncommit_s: 0.2\n"
            f"gateways:\n  - {{name: main, tcp: '127.0.0.1:{server.getsockname()[1]}'}}\n"
        )
        voltkeeper("ingest", "--config", config)
        server.settimeout(15)
        yield Said(server), house


def test_a_node_deleted_under_a_running_ingest_comes_back_as_a_stranger(live, ask, wait_for):
    gateway, house = live
    gateway.say("1;255;0;0;17;2.3.2", "1;1;1;0;0;30")
    wait_for(lambda: ask("select 1 from nodes where id = 1 and presented_at is not null"))
    ask("insert into deletions (kind, key, subject) values ('node', 1, 'it')")
    house = Config(database=house.database, timezone="UTC", retention=Retention(None, None, None, None, None))
    run_due(house)
    assert ask(
        "select (select count(*) from nodes where id = 1) + (select count(*) from messages where node = 1)"
    ) == [(0,)]
    time.sleep(1)
    assert b"1;255;3;0;19;" not in gateway.heard
    gateway.say("1;1;1;0;0;31")
    wait_for(lambda: ask("select readings from channels where node = 1") == [(1,)])
    wait_for(lambda: b"1;255;3;0;19;" in gateway.heard)  # it is asked to present itself
    assert ask("select sketch_name, presented_at, location from nodes where id = 1") == [(None, None, "")]
    assert ask("pragma foreign_key_check") == []


def test_nothing_that_is_said_meanwhile_is_lost(live, ask, wait_for):
    gateway, house = live
    at_work, stop = threading.Event(), threading.Event()
    meanwhile, failures = [], []

    def witness():
        connection = connect(house.database)
        connection.execute("pragma synchronous = normal")
        while not stop.wait(0.01):
            began_meanwhile = at_work.is_set()
            try:
                with transaction(connection):
                    connection.execute("insert into audit (action, outcome) values ('witness', 'done')")
            except sqlite3.OperationalError as error:  # it waited for the whole busy timeout
                failures.append(error)
            meanwhile.append(began_meanwhile and at_work.is_set())
        connection.close()

    def work():
        at_work.set()
        prune(house.database, lambda connection: plan(connection, Retention(1, 1, 1, 1, 1)), "test")
        at_work.clear()

    thread = threading.Thread(target=witness)
    thread.start()
    for number in range(200):
        gateway.say(f"2;1;1;0;47;live {number}")
        if number == 50:
            worker = threading.Thread(target=work)
            worker.start()
        time.sleep(0.005)
    worker.join(60)
    stop.set()
    thread.join(60)
    wait_for(
        lambda: (
            ask("select count(*), count(distinct payload) from messages where payload like 'live %'")
            == [(200, 200)]
        )
    )
    assert ask("select state from retention_runs") == [("done",)]
    assert sum(meanwhile) > 5, meanwhile  # others write between its batches
    assert not failures
    assert sqlite3.connect(house.database).execute("pragma integrity_check").fetchone() == ("ok",)
