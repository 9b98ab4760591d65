"""Datasette built from the config, with secrets where no page shows them, and run by uvicorn."""

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
from datasette_auth_passwords.utils import ALGORITHM

from ingest.config.model import Config, ConfigError
from ingest.db.connection import checkpoint_wal
from ingest.maintenance.scheduler import MaintenanceScheduler
from ingest.schema.migrate import migrate
from ingest.yaml_files import read_yaml
from plugins.web.app.middleware import LAYERS
from plugins.web.app.no_count import NoCountDatabase
from plugins.web.app.secret import kept_secret
from plugins.web.app.systemd import WatchedServer
from plugins.web.compat import start_up
from plugins.web.query import DATABASE
from plugins.web.site import Site

ROOT = Path(__file__).resolve().parents[3]
STOP_S = 3  # open streams end this long after SIGTERM
BACKLOG = 512  # connections that wait to be accepted

log = logging.getLogger(__name__)


def build(config: Config) -> Site:
    """The site. Raises ConfigError, and OSError or sqlite3.Error for a database that cannot be used."""
    _check_hashes(config)
    path = Path(config.database)
    migrate(path)
    metadata = read_yaml(ROOT / "metadata.yml")
    metadata["title"] = config.title
    settings = json.loads((ROOT / "settings.json").read_text(encoding="utf-8"))
    site = Site(
        config,
        kept_secret(path),
        MaintenanceScheduler(config),
        LAYERS,
        metadata=metadata,
        settings={**settings, "base_url": config.web.base_url},
        plugins_dir=str(ROOT / "plugins"),
        template_dir=str(ROOT / "templates"),
        static_mounts=[("static", str(ROOT / "static"))],
    )
    site.add_database(NoCountDatabase(site, path=str(path), is_mutable=True), name=DATABASE)
    site.remove_database("_memory")
    return site


def _check_hashes(config: Config) -> None:
    for person in config.access.people:
        parts = person.password_hash.strip().split("$")
        if len(parts) != 4 or parts[0] != ALGORITHM or not parts[1].isdigit():
            raise ConfigError(
                f"access.people: password_hash of {person.name} is no hash: "
                "`voltkeeper hash-password` makes one"
            )


def run_web(config: Config) -> int:
    """Serve the site until SIGTERM or SIGINT. Returns the exit code."""
    os.environ["TZ"] = config.timezone  # views count days with SQLite's 'localtime'
    time.tzset()
    try:
        site = build(config)
        asyncio.run(start_up(site))
    except ConfigError as error:
        log.error("%s", error)
        return 2
    except (OSError, sqlite3.Error, click.ClickException) as error:
        log.error("the site cannot start: %s", getattr(error, "message", None) or error)
        return 1
    try:
        family = socket.AF_INET6 if ":" in config.web.host else socket.AF_INET
        listener = socket.create_server((config.web.host, config.web.port), family=family, backlog=BACKLOG)
    except OSError as error:
        log.error("cannot listen on %s:%s: %s", config.web.host, config.web.port, error.strerror or error)
        return 1
    return _serve(site, listener)


def _serve(site: Site, listener: socket.socket) -> int:
    options = uvicorn.Config(
        site.app(), lifespan="on", timeout_graceful_shutdown=STOP_S, log_config=None, server_header=False
    )
    server = WatchedServer(site, options)

    def stop(*_: object) -> None:
        """Stop also on a signal before uvicorn listens; one that it raises once more changes nothing."""
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    host = site.config.web.host
    shown = f"[{host}]" if ":" in host else host
    log.info("the site is at http://%s:%d/", shown, listener.getsockname()[1])
    server.run(sockets=[listener])
    checkpoint_wal(site.config.database)
    return 0 if server.started else 1
