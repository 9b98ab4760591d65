"""A running `voltkeeper web` over a filled database, for tests with a browser."""

import sys

from datasette_auth_passwords.utils import hash_password

from ingest.db.connection import connect
from ingest.db.time import format_utc
from tests.helpers.new_database import new_database
from tests.plugins.site_helpers import PASSWORD, fill
from tests.programs import URL, Program


class Served:
    """The program and its database."""

    def __init__(self, folder, more="", make=fill, may="edit, order, upload"):
        self.database = folder / "house.db"
        new_database(self.database)
        make(self.database)
        password_hash = hash_password(PASSWORD, iterations=1000)
        person = f"{{name: owner, password_hash: '{password_hash}', may: [{may}]}}"
        (folder / "config.yml").write_text(
            "database: house.db\ntimezone: UTC\n"
            "gateways: [{name: main, tcp: 'main:5003'}, {name: shed, tcp: 'shed:5003'}]\n"
            + (more or f"web: {{port: 0}}\naccess: {{people: [{person}]}}\n").replace("PERSON", person)
        )
        self.program = Program([sys.executable, "-m", "voltkeeper", "web"], folder)
        self.url = self.program.wait_text(URL)

    def write(self, sql, *params, topic="nodes"):
        connection = connect(self.database)
        connection.execute(sql, params)
        connection.execute(
            "insert into changes values (?, 1, ?) on conflict (topic) do update set seq = seq + 1",
            (topic, format_utc(0)),
        )
        connection.close()

    def end(self):
        self.program.end(timeout=30)


def sign_in(page):
    """Send the form of a page /-/login as its owner, and wait for the page that it leads to."""
    page.run(
        "(({ form }) => { form.username.value = 'owner'; "
        f"form.password.value = {PASSWORD!r}; form.submit(); }})(document.querySelector('[name=username]'))"
    )
    page.until("location.pathname.indexOf('login') < 0 && document.readyState === 'complete'")
