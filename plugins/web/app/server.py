"""Datasette built from the config, with secrets where no page shows them, and run by uvicorn."""

import asyncio
import json
import logging
import os
import signal
import socket
import sqlite3
import sys
import time
from pathlib import Path
from typing import cast

import click
import uvicorn
from datasette_auth_passwords.utils import ALGORITHM

from ingest.config.model import Config, ConfigError
from ingest.db.connection import checkpoint_wal
from ingest.db.problems import find_problem
from ingest.maintenance.scheduler import MaintenanceScheduler
from ingest.schema.migrate import NewerDatabaseError, migrate
from ingest.yaml_files import read_yaml
from plugins.web.app.address_file import remove_address, write_address
from plugins.web.app.connections import Connections
from plugins.web.app.database import SiteDatabase
from plugins.web.app.listener import BACKLOG, Listener, limits_of_process
from plugins.web.app.middleware import LAYERS
from plugins.web.app.secret import kept_secret
from plugins.web.app.sql_workers.pool import SqlWorkers
from plugins.web.app.systemd import WatchedServer
from plugins.web.compat import drop_facet_warnings, start_up
from plugins.web.query import DATABASE
from plugins.web.site import Site

ROOT = Path(__file__).resolve().parents[3]
# A thread that reads calls Python for each SQL function and each look at the clock, and waits so long each
# time while a page is being made. Python's own 5 ms make a second of 200 calls.
SWITCH_S = 0.0005
KEEP_ALIVE_S = 8  # longer than between two looks of a live page (5 s)
STOP_S = 3  # open streams end this long after SIGTERM
LAST_WALL = 1024  # requests at once; `Connections` ends connections long before

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
    site.add_database(SiteDatabase(site, path, SqlWorkers(path, config.timezone)), name=DATABASE)
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
    sys.setswitchinterval(SWITCH_S)
    try:
        site = build(config)
        drop_facet_warnings()
        asyncio.run(start_up(site))
    except (ConfigError, NewerDatabaseError) as error:
        log.error("%s", error)
        return 2
    except (OSError, sqlite3.Error) as error:
        log.error("the site cannot start: %s", find_problem(Path(config.database), error))
        return 1
    except click.ClickException as error:
        log.error("the site cannot start: %s", error.message)
        return 1
    connections = Connections(limits_of_process(), config.web.is_proxy)
    try:
        listener = Listener.at(config.web.host, config.web.port, connections.count_refused)
    except OSError as error:
        log.error("cannot listen on %s:%s: %s", config.web.host, config.web.port, error.strerror or error)
        return 1
    return _serve(site, listener, connections)


def _serve(site: Site, listener: socket.socket, connections: Connections) -> int:
    proxies = site.config.web.proxies
    options = uvicorn.Config(
        site.app(),
        lifespan="on",
        http=cast(type[asyncio.Protocol], connections),  # it makes them
        loop="asyncio",  # which accepts by `Listener.accept`
        ws="none",
        timeout_graceful_shutdown=STOP_S,
        timeout_keep_alive=KEEP_ALIVE_S,
        limit_concurrency=LAST_WALL,
        backlog=BACKLOG,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        log_config=None,
        server_header=False,
    )
    server = WatchedServer(site, options, connections)

    def stop(*_: object) -> None:
        """Stop also on a signal before uvicorn listens; one that it raises once more changes nothing."""
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    host = site.config.web.host
    shown = f"[{host}]" if ":" in host else host
    port: int = listener.getsockname()[1]
    log.info("the site is at http://%s:%d/", shown, port)
    write_address(site.config.database, host, port)
    server.run(sockets=[listener])
    remove_address(site.config.database)
    site.get_database(DATABASE).close()
    checkpoint_wal(site.config.database)
    return 0 if server.started and not server.failed else 1
