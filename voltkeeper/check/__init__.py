"""`voltkeeper check`: every setting and source as one line, each failure with its remedy."""

import os
import shutil
import sqlite3
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from ingest.config.model import ConfigError, load_with_secrets
from ingest.db.connection import connect
from ingest.db.durations import format_duration
from ingest.db.time import parse_utc
from ingest.maintenance.retention import plan
from ingest.schema.migrate import migrations
from voltkeeper.check.http import PULSE, fetch
from voltkeeper.check.sources import orders_of, probe_gateway, probe_must, probe_nut, probe_orders
from voltkeeper.config_source import choose_config, named_file
from voltkeeper.status import describe, read_sources
from voltkeeper.up import PortError, claim, site_url

LOW_DISK_MB = 500
LOOK_S = 10.0  # at a file's pages, at most
LATE_PRUNE_S = 3 * 86_400
LOCAL = ("127.0.0.1", "::1", "localhost")


class CheckReport:
    """Says a line for each thing that was looked at; `failed` counts what is wrong."""

    def __init__(self, say):
        self._say = say
        self.failed = 0

    def good(self, what, words):
        self._say(f"ok      {what}: {words}")

    def note(self, what, words):
        self._say(f"note    {what}: {words}")

    def bad(self, what, words):
        self.failed += 1
        self._say(f"FAILED  {what}: {words}")

    def tell(self, good, what, words):
        (self.good if good else self.bad)(what, words)


def run_check(path, sources, port, say=print):
    """Look at everything that the options of the command line mean. Returns 0 when all is right, else 1."""
    report = CheckReport(say)
    config = _check_config(report, path, sources, port)
    if config is None:
        return 1
    here = datetime.now(UTC).astimezone(ZoneInfo(config.timezone))
    report.good("timezone", f"{config.timezone}, where it is {here:%Y-%m-%d %H:%M}")
    _check_database(report, config.database)
    _check_retention(report, config)
    _check_sources(report, config)
    _check_orders(report, config)
    _check_site(report, config.web)
    _check_access(report, config)
    _check_secrets(report, config)
    _check_log(report, config.log)
    return 1 if report.failed else 0


def _check_config(report, path, sources, port):
    file = named_file(path)
    try:
        config = choose_config(path, sources, port, looking=True)
    except ConfigError as error:
        for line in str(error).splitlines():
            report.bad("config", line)
        return None
    if file:
        report.good("config", f"{file} is understood; {sources_in(config)}")
    elif sources:
        report.good("config", "no file: the options of the command line")
    else:
        what = (
            "the demo house, which `voltkeeper up` runs"
            if config.demo
            else "what `voltkeeper up --gateway` made"
        )
        report.note(
            "config", f"there is no config.yml; this is {what}. Copy config.example.yml to connect a gateway"
        )
    return config


def sources_in(config):
    """How many sources a config has, in words."""
    counted = (("gateways", config.gateways), ("NUT servers", config.nut), ("EP20s", config.must))
    return ", ".join(f"{what}: {len(some)}" for what, some in counted if some or what == "gateways")


def _check_database(report, path):
    what = f"database {path}"
    folder = next(parent for parent in path.parents if parent.exists())
    if not os.access(folder, os.W_OK | os.X_OK):
        return report.bad(
            what, f"the folder {folder} cannot be written: change its owner, or run as its owner"
        )
    free_mb = shutil.disk_usage(folder).free / 1e6
    full = "" if free_mb >= LOW_DISK_MB else ": make room, nothing is stored on a full disk"
    report.tell(not full, "disk", f"{free_mb / 1000:,.1f} GB free in {folder}{full}")
    if not path.exists():
        return report.note(what, "not made yet; `voltkeeper up` makes it")
    if not os.access(path, os.R_OK | os.W_OK):
        return report.bad(
            what, "cannot be read and written by this user: change its owner, or run as its owner"
        )
    try:
        with closing(connect(path, readonly=True)) as connection:
            report.tell(*_whole(connection, path, what))
            report.tell(*_current(connection))
    except sqlite3.Error as error:
        report.bad(
            what, f"cannot be read ({error}): restore a copy, or move the file away and a new one is made"
        )


def _whole(connection, path, what):
    """(good, what, words) of the file's pages. A large file is looked at for LOOK_S."""
    until = time.monotonic() + LOOK_S
    connection.set_progress_handler(lambda: time.monotonic() > until, 100_000)
    size = f"{path.stat().st_size / 1e6:,.1f} MB"
    try:
        (words,) = connection.execute("pragma quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        return True, what, f"{size}; no fault seen in {LOOK_S:.0f} s, it is too large to look at all of it"
    finally:
        connection.set_progress_handler(None, 0)
    return words == "ok", what, f"whole, {size}" if words == "ok" else f"is damaged ({words}): restore a copy"


def _current(connection):
    """(good, what, words): are the tables those of this version."""
    database = Database(connection)
    applied = {migration.name for migration in migrations.applied(database)}
    pending = migrations.pending(database)
    known = {migration.name for migration in migrations.pending(Database(memory=True))}
    if applied - known:
        return (
            False,
            "tables",
            f"of a newer version ({', '.join(sorted(applied - known))}): update Voltkeeper",
        )
    if pending:
        return True, "tables", f"{len(pending)} changes behind; the next start of `voltkeeper up` makes them"
    return True, "tables", "up to date"


def _check_retention(report, config):
    """The site prunes once a day; where none runs, somebody has to see that a timer is missing."""
    if not config.database.exists():
        return
    try:
        with closing(connect(config.database, readonly=True)) as connection:
            pruned = connection.execute(
                "select max(ended_at) from retention_runs where state = 'done'"
            ).fetchone()[0]
            made = connection.execute("select min(applied_at) from _sqlite_migrations").fetchone()[0]
            rows = sum(item.rows for item in plan(connection, config.retention))
        passed = time.time() - parse_utc(pruned or made)
    except (sqlite3.Error, ValueError):
        return  # the lines of the database tell what is wrong with it
    if rows and passed > LATE_PRUNE_S:
        report.note(
            "retention",
            f"{f'last pruned {format_duration(passed)} ago' if pruned else 'never pruned'}, {rows:,} rows are older than it "
            "allows: the site prunes daily; where none runs, let a timer run `voltkeeper prune`",
        )
    elif pruned:
        report.good("retention", f"last pruned {format_duration(passed)} ago")


def _check_sources(report, config):
    every = [(f"gateway {one.name}", one, probe_gateway) for one in config.gateways]
    every += [(f"NUT server {one.name}", one, probe_nut) for one in config.nut]
    every += [(f"EP20 {one.name}", one, probe_must) for one in config.must]
    if not every:
        report.note("sources", "none; name one under gateways:, nut: or must: in config.yml")
    try:
        sources = read_sources(config.database)
    except sqlite3.Error:
        sources = {}  # the database's own line tells what is wrong with it
    idle = [(one, trying) for _, one, trying in every if not _is_alive(sources, one)]
    with ThreadPoolExecutor(max(len(idle), 1)) as pool:
        words = pool.map(lambda pair: _try(*pair, config.demo), idle)
        tried = dict(zip([one.name for one, _ in idle], words))
    for what, one, _ in every:
        if one.name in tried:
            good, words = tried[one.name]
            report.tell(good, f"{what} ({one.address})", words)
        else:
            source = sources[one.name]
            good = source.state == "connected" and not source.late and not source.faulty
            report.tell(good, f"{what} ({source.address})", describe(source))


def _check_orders(report, config):
    """Whatever reads them: the servers of UPSes to which something may be ordered."""
    for server in () if config.demo else config.nut:
        if server.command_username is not None or orders_of(server, config.ups):
            good, words = probe_orders(server, config.ups)
            report.tell(good, f"orders to {server.name}", words)


def _is_alive(sources, one):
    return one.name in sources and sources[one.name].alive


def _try(one, trying, demo):
    return (True, "part of the demo house, which does not run now") if demo else trying(one)


def _check_site(report, web):
    what, url = f"site {web.host}:{web.port}", site_url(web.host, web.port)
    try:
        claim(web.host, web.port).close()
    except PortError as error:
        fault, body, _ = fetch(url.rstrip("/") + PULSE)
        if b'"changes"' in body or (fault and "signing in" in fault):
            report.good(what, f"answers at {url}")
        else:
            report.bad(what, " ".join(str(error).split()))
    else:
        report.good(what, "the port is free; the site does not run now")


def _check_access(report, config):
    access = config.access
    writers = [one.name for one in (*access.people, *access.tokens) if one.may]
    if writers:
        report.good("access", f"{access.read} may read; {', '.join(writers)} may write")
    else:
        report.note(
            "access", f"{access.read} may read, nobody may write: access: in config.yml turns writing on"
        )
    if config.web.host not in LOCAL and access.read == "anyone":
        words = f"whoever reaches port {config.web.port} of this machine may read"
        report.note("access", f"{words}; access: {{read: signed-in}} ends that")


def _check_secrets(report, config):
    if config.path and (literals := load_with_secrets(config.path)[1]):
        if config.path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            report.bad("secrets", f"{', '.join(literals)} can be read by others: chmod 600 {config.path}")
        else:
            report.good(
                "secrets", f"{', '.join(literals)} stand in {config.path.name}, which only its owner reads"
            )
    elif config.path and (config.access.people or config.access.tokens):
        report.good("secrets", "all come from the environment, and are there")
    key = Path(f"{config.database}.secret")
    if key.exists() and key.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        report.bad("secrets", f"the key that signs cookies can be read by others: chmod 600 {key}")


def _check_log(report, log):
    if log.file:
        folder = next(parent for parent in log.file.parents if parent.exists())
        target = log.file if log.file.exists() else folder
        fault = "" if os.access(target, os.W_OK) else f" cannot be written: change the owner of {target}"
        report.tell(not fault, "log", f"{log.file}{fault}")
