"""Datasette as the house needs it: built from the config, with secrets where no page shows them, run by uvicorn."""

import asyncio
import json
import logging
import os
import signal
import socket
import sqlite3
import time
from pathlib import Path

import click
import uvicorn
import yaml
from datasette.app import Datasette
from datasette.cli import check_databases
from datasette.plugins import pm
from datasette_auth_passwords.utils import ALGORITHM

from ingest.config.model import ConfigError
from ingest.db.connection import checkpoint_wal
from ingest.schema.migrate import migrate
from plugins.web.app.drain import drained
from plugins.web.app.no_count import LiveDatabase
from plugins.web.app.secret import kept_secret
from plugins.web.app.systemd import Server
from plugins.web.auth.permissions import cookie_key
from plugins.web.auth.sign_in import Passwords, Throttle
from plugins.web.image_guard import is_guarded
from plugins.web.prefix import root_of, under_prefix
from reporting.sql_functions import check_spans

ROOT = Path(__file__).resolve().parents[3]
STOP_S = 3  # open streams end this long after SIGTERM

log = logging.getLogger(__name__)


class House(Datasette):
    """Datasette that knows the config. What is secret stands in attributes, never in the public metadata."""

    def __init__(self, config, secret, **options):
        access = config.access
        self.config = config
        self.timezone = config.timezone
        self.started = time.monotonic()
        self.root = root_of(config.web.base_url)
        self.open_to_read = access.read == "anyone"
        self.rights = {one.name: frozenset(one.may) for one in (*access.people, *access.tokens)}
        self.tokens = [(one.token.encode(), one.name) for one in access.tokens]
        self.cookie_keys = {one.name: cookie_key(secret, one.password_hash) for one in access.people}
        self.passwords = Passwords({one.name: one.password_hash.strip() for one in access.people})
        self.throttle = Throttle()
        self.one_sign_in = asyncio.Lock()
        self._private = {
            "datasette-auth-passwords": {
                **{f"{one.name}_password_hash": one.password_hash for one in access.people},
                "actors": {one.name: {"id": one.name} for one in access.people},
            },
            "datasette-auth-tokens": {
                "tokens": [{"token": one.token, "actor": {"id": one.name}} for one in access.tokens]
            },
        }
        super().__init__([], secret=secret, **options)

    def plugin_config(self, plugin_name, database=None, table=None, fallback=True):
        if plugin_name in self._private:
            return self._private[plugin_name]
        return super().plugin_config(plugin_name, database, table, fallback)

    def app(self):
        return drained(under_prefix(super().app(), self.root))

    async def execute(self, db_name, sql, params=None, **options):
        """As Datasette's, with the errors of people's queries told to them alone."""
        try:
            check_spans(sql, params, self.timezone)
        except ValueError as error:
            raise sqlite3.OperationalError(str(error)) from error
        try:
            return await super().execute(db_name, sql, params, **{**options, "log_sql_errors": False})
        except sqlite3.DatabaseError as error:
            if is_guarded(error):
                raise sqlite3.OperationalError("the bytes of firmware images are not shown") from error
            raise


def build(config):
    """The site as a House. Raises ConfigError, and OSError or sqlite3.Error for a database that cannot be used."""
    _check_hashes(config)
    if pm.has_plugin("datasette.handle_exception"):  # it would render an error page of its own beside ours
        pm.unregister(name="datasette.handle_exception")
    path = Path(config.database)
    migrate(path)
    metadata = yaml.safe_load((ROOT / "metadata.yml").read_text(encoding="utf-8"))
    metadata["title"] = config.title
    house = House(
        config,
        kept_secret(path),
        metadata=metadata,
        settings={
            **json.loads((ROOT / "settings.json").read_text(encoding="utf-8")),
            "base_url": config.web.base_url,
        },
        plugins_dir=str(ROOT / "plugins"),
        template_dir=str(ROOT / "templates"),
        static_mounts=[("static", str(ROOT / "static"))],
    )
    house.add_database(LiveDatabase(house, path=str(path), is_mutable=True), name="telemetry")
    house.remove_database("_memory")
    return house


def _check_hashes(config):
    for person in config.access.people:
        parts = person.password_hash.strip().split("$")
        if len(parts) != 4 or parts[0] != ALGORITHM or not parts[1].isdigit():
            raise ConfigError(
                f"access.people: password_hash of {person.name} is no hash: `voltkeeper hash-password` makes one"
            )


def run_web(config):
    """Serve the site until SIGTERM or SIGINT. Returns the exit code."""
    os.environ["TZ"] = config.timezone  # views count days with SQLite's 'localtime'
    time.tzset()
    try:
        house = build(config)
        asyncio.run(_ready(house))
    except ConfigError as error:
        log.error("%s", error)
        return 2
    except (OSError, sqlite3.Error, click.ClickException) as error:
        log.error("the site cannot start: %s", getattr(error, "message", None) or error)
        return 1
    try:
        listener = _listen(config.web.host, config.web.port)
    except OSError as error:
        log.error("cannot listen on %s:%s: %s", config.web.host, config.web.port, error.strerror or error)
        return 1
    server = Server(
        house,
        uvicorn.Config(
            house.app(),
            lifespan="on",
            timeout_graceful_shutdown=STOP_S,
            log_config=None,
            server_header=False,
        ),
    )

    def leave(*_):
        """A signal before uvicorn listens for signals counts, too; one that it raises once more changes nothing."""
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    host = f"[{config.web.host}]" if ":" in config.web.host else config.web.host
    log.info("the site is at http://%s:%d/", host, listener.getsockname()[1])
    server.run(sockets=[listener])
    checkpoint_wal(config.database)
    return 0 if server.started else 1


async def _ready(house):
    await house.invoke_startup()
    await check_databases(house)


def _listen(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=512)
