"""A database of 60 days, filled by the real parser: three nodes of two sensors, a line every 8 minutes."""

import time

import pytest

from ingest.config.backup import Backup
from ingest.config.model import Config
from ingest.config.retention import Retention
from ingest.db.connection import connect
from ingest.mysensors.replay import replay
from tests.helpers.due_jobs import have_missed
from tests.helpers.new_database import new_database

DAYS, LINES = 60, 6_000
DAY_S = 86_400
FRESH_S = 60.0  # so long a file may serve other tests: its newest lines are a minute old when it is made
_kept = []  # when a file was filled, and its bytes


def lines(count=LINES, end=None):
    end = time.time() - 60 if end is None else end
    for number in range(count):
        at = end - (count - 1 - number) * DAYS * DAY_S / count
        node, child = 1 + number % 3, number % 2
        if number < 12:
            said = f"{node};255;3;0;11;Node{node}"
        elif number % 50 == 0:
            said = f"{node};{child};2;0;0;"
        elif number % 97 == 0:
            said = f"{node};{child};1;0;250;odd"
        elif number % 101 == 0:
            said = "not a line"
        else:
            said = f"{node};{child};1;0;0;{20 + number % 7}"
        yield at, said.encode()


@pytest.fixture
def house(tmp_path):
    """The Config of that house, off for a week; its daily jobs come next in half a day, in no test."""
    path = tmp_path / "house.db"
    if not _kept or time.monotonic() - _kept[0] >= FRESH_S:
        new_database(path)
        replay(path, "main", "tcp main:5003", lines(), "UTC")
        have_missed(path)
        _kept[:] = time.monotonic(), path.read_bytes()
    else:
        path.write_bytes(_kept[1])
    at = time.strftime("%H:%M", time.gmtime(time.time() + DAY_S / 2))
    return Config(database=path, timezone="UTC", retention=Retention(at=at), backup=Backup(at=at))


@pytest.fixture
def ask(house):
    """A function that gives the rows of a query as tuples."""
    connection = connect(house.database)
    yield lambda sql, *values: connection.execute(sql, values).fetchall()
    connection.close()
