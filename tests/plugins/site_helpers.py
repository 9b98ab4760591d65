"""A site over a database that the real parser filled: two gateways with the same node ids."""

import asyncio
import html
import re
import time

from datasette_auth_passwords.utils import hash_password

from ingest.config.model import Access, Person, Token
from ingest.db.connection import connect
from ingest.db.time import format_utc
from ingest.mysensors.registry import note_units
from ingest.mysensors.replay import replay
from reporting.sql_functions import register
from tests.helpers.new_database import new_database

PASSWORD = "correct horse"
BOT = "bot-token-0123456789"
READER = "reader-token-0123456789"
BROWSER = {"accept": "text/html"}
ACCESS = Access(
    people=(
        Person("owner", hash_password(PASSWORD, iterations=1000), frozenset({"edit", "order"})),
        Person("guest", hash_password(PASSWORD, iterations=1000), frozenset()),
    ),
    tokens=(Token("bot", BOT, frozenset({"edit", "order"})), Token("reader", READER)),
)
MAIN = [
    "0;255;0;0;18;2.3.2",
    "0;255;3;0;14;Gateway startup complete.",
    "12;255;0;0;17;2.3.2",
    "12;255;3;0;6;0",
    "12;255;3;0;11;Greenhouse",
    "12;255;3;0;12;1.4",
    "12;1;0;0;6;Air",
    "12;2;0;0;7;Humidity",
    "12;255;3;0;0;15",
    "12;1;1;0;0;20.9",
    "12;2;1;0;1;55",
    "12;2;1;0;200;what",
    "7;255;0;0;17;2.3.2",
    "7;255;3;0;11;<script>alert(1)</script>",
    "7;1;1;0;47;<img src=x onerror=alert(2)>",
    "not a line",
]
HEARD_S = 600  # so long the readers of a site are heard, on a busy machine too
FRESH_S = 3  # so long a file may serve other tests: all times in it count from when it was filled
SHED = ["0;255;0;0;18;2.3.2", "12;255;0;0;17;2.1.1", "12;255;3;0;11;Shed", "12;1;1;0;0;3.5"]


class SiteClient:
    """A synchronous client of a Site: one event loop, cookies kept by `login`."""

    def __init__(self, datasette):
        self.datasette = datasette
        self.cookies = {}
        self._runner = asyncio.Runner()
        self.run(datasette.invoke_startup())

    def run(self, coroutine):
        return self._runner.run(coroutine)

    def get(self, path, **options):
        return self.run(self.datasette.client.get(path, cookies=self.cookies, **options))

    def post(self, path, **options):
        return self.run(self.datasette.client.post(path, cookies=self.cookies, **options))

    def page(self, path, status=200):
        response = self.get(path, headers=BROWSER)
        assert response.status_code == status, (path, response.text)
        return response.text

    def channel_page(self, key, query=""):
        """The page of a channel, to which the address of its key leads."""
        return self.page(self.get(f"/channels/{key}{query}").headers["location"])

    def login(self, name="owner", password=PASSWORD):
        data = {"username": name, "password": password}
        response = self.run(self.datasette.client.post("/-/login", data=data))
        assert response.status_code == 200, response.text
        self.cookies["ds_actor"] = response.cookies["ds_actor"]
        return self

    def token(self):
        """The CSRF token of a page, as a browser gets it."""
        response = self.get("/-/login", headers=BROWSER)
        self.cookies.update(response.cookies)
        return re.search(r'name="csrftoken" value="([^"]+)"', response.text)[1]

    def rows(self, sql, *params):
        """Rows of the file itself: a test sees every table."""
        connection = connect(self.datasette.get_database("telemetry").path, readonly=True)
        register(connection, "UTC")
        try:
            return connection.execute(sql, params).fetchall()
        finally:
            connection.close()

    def close(self):
        for database in self.datasette.databases.values():
            database.close()
        self._runner.close()


def write_filled(path):
    """A new file at `path` that `fill` filled, perhaps for a test just before."""
    if not _kept or time.monotonic() - _kept[0] >= FRESH_S:
        fill(new_database(path))
        _kept[:] = time.monotonic(), path.read_bytes()
    else:
        path.write_bytes(_kept[1])


_kept = []  # when `fill` filled a file, and its bytes


def fill(path):
    """Write messages of both gateways from a minute ago, and running readers."""
    now = time.time()
    for name, lines in (("main", MAIN), ("shed", SHED)):
        recording = [(now - 60 + position / 100, line.encode()) for position, line in enumerate(lines)]
        replay(path, name, f"tcp {name}:5003", recording, "UTC")
    connection = connect(path)
    note_units(connection, {"main": True, "shed": False})
    for name in ("main", "shed"):
        connection.execute(
            """insert into ingest_status (source, kind, address, state, since_at, heartbeat_at)
            values (?, 'mysensors', 'tcp x:5003', 'connected', ?, ?)""",
            (name, format_utc(now), format_utc(now + HEARD_S)),
        )
    connection.close()


def bearer(token=BOT):
    return {"authorization": f"Bearer {token}"}


def links(text):
    """The addresses on this site that a page links to."""
    found = {html.unescape(link).partition("#")[0] for link in re.findall(r'href="([^"]+)"', text)}
    return sorted(link for link in found if link.startswith("/"))
