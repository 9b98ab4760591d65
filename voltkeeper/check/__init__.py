"""`voltkeeper check`: every setting and source as one line, each failure with its remedy."""

import os
import shutil
import sqlite3
import stat
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from ingest.config.environment_file import FILE, environment_file, is_private
from ingest.config.model import (
    Access,
    Config,
    ConfigError,
    GatewaySettings,
    MustSettings,
    NutServerSettings,
    load_with_secrets,
)
from ingest.db.connection import connect
from ingest.db.durations import format_duration
from ingest.db.time import parse_utc
from ingest.maintenance.retention import plan
from ingest.schema.migrate import migrations, newer_version
from ingest.severity import Severity
from plugins.web.app.address_file import running_address
from voltkeeper.alert_state import alert_failures, alert_notes
from voltkeeper.check.alerts import alert_findings
from voltkeeper.check.cards import card_finding
from voltkeeper.check.http import PULSE, fetch
from voltkeeper.check.reports import picture_note, report_findings
from voltkeeper.check.settings import setting_findings
from voltkeeper.check.sources import (
    Finding,
    orders_of,
    probe_gateway,
    probe_must,
    probe_nut,
    probe_orders,
)
from voltkeeper.check.thresholds import threshold_findings
from voltkeeper.check.variables import variable_findings
from voltkeeper.config_source import Sources, choose_config, named_file, without_file
from voltkeeper.paint import Paint
from voltkeeper.status import describe_source, read_dropped, read_ids, read_sources
from voltkeeper.up import SitePortError, claim, site_url

LOW_DISK_MB = 500
QUICK_CHECK_S = 10.0  # for a file's pages, at most
LATE_PRUNE_S = 3 * 86_400
LOCAL = ("127.0.0.1", "::1", "localhost")


class Probe(NamedTuple):
    """A source of the config, and how it is asked."""

    what: str
    source: GatewaySettings | NutServerSettings | MustSettings
    ask: Callable[[], Finding]


class CheckReport:
    """Writes a line for each thing that was checked; `failed` counts what is wrong."""

    def __init__(self, write: Callable[[str], object], port_named: bool = False) -> None:
        self._write = write
        self.failed = 0
        self.port_named = port_named  # the port of the site, on the command line

    def ok(self, what: str, message: str) -> None:
        """Write that it is right."""
        self._write(f"ok      {what}: {message}")

    def note(self, what: str, message: str) -> None:
        """Write what is no failure, and worth knowing."""
        self._write(f"note    {what}: {message}")

    def fail(self, what: str, message: str) -> None:
        """Write what is wrong, with its remedy."""
        self.failed += 1
        self._write(f"FAILED  {what}: {message}")

    def add(self, what: str, finding: Finding) -> None:
        """Write a finding as what it is."""
        (self.ok if finding.ok else self.fail)(what, finding.message)


def run_check(
    path: str | None,
    sources: Sources,
    port: int | None,
    write: Callable[[str], object] = print,
    send: bool = False,
) -> int:
    """Check everything that the options of the command line mean. Return 0 when all is right, else 1.

    `send`: each target of alerts gets a test.
    """
    paint = Paint(sys.stdout)
    report = CheckReport(lambda line: write(paint.line(line)), port is not None)
    config = _check_config(report, path, sources, port)
    if config is None:
        return 1
    for check in (
        (_check_sources,)
        if sources
        else (
            _check_timezone,
            _check_database,
            _check_retention,
            _check_sources,
            _check_ids,
            _check_dropped,
            _check_orders,
            _check_variables,
            _check_settings,
            _check_cards,
            _check_thresholds,
            _check_reports,
            _check_site,
            _check_access,
            _check_secrets,
            _check_log,
            partial(_check_alerts, send=send),
        )
    ):
        check(report, config)
    return 1 if report.failed else 0


def _check_config(report: CheckReport, path: str | None, sources: Sources, port: int | None) -> Config | None:
    file = named_file(path)
    try:
        config = without_file(sources) if sources else choose_config(path, port=port, looking=True)
    except ConfigError as error:
        for line in str(error).splitlines():
            report.fail("config", line)
        return None
    if sources:
        beside = f"{file} is left aside" if file else "no file"
        report.ok("config", f"{beside}: the options of the command line")
    elif file:
        report.ok("config", f"{file} is understood; {sources_in(config)}")
    else:
        demo, made = "the demo house, which `voltkeeper up` runs", "what `voltkeeper up --gateway` made"
        report.note(
            "config",
            f"there is no config.yml; this is {demo if config.demo else made}. `voltkeeper setup` makes one",
        )
    return config


def sources_in(config: Config) -> str:
    """Return how many sources a config has: 'gateways: 1, NUT servers: 2'."""
    counted = (
        ("gateways", len(config.gateways)),
        ("NUT servers", len(config.nut)),
        ("EP20s", len(config.must)),
    )
    return ", ".join(f"{what}: {count}" for what, count in counted if count or what == "gateways")


def _check_timezone(report: CheckReport, config: Config) -> None:
    here = datetime.now(ZoneInfo(config.timezone))
    report.ok("timezone", f"{config.timezone}, where it is {here:%Y-%m-%d %H:%M}")


def _check_database(report: CheckReport, config: Config) -> None:
    path, what = config.database, f"database {config.database}"
    folder = next(parent for parent in path.parents if parent.exists())
    if not os.access(folder, os.W_OK | os.X_OK):
        report.fail(what, f"the folder {folder} cannot be written: change its owner, or run as its owner")
        return
    free_mb = shutil.disk_usage(folder).free / 1e6
    full = "" if free_mb >= LOW_DISK_MB else ": make room, nothing is stored on a full disk"
    report.add("disk", Finding(not full, f"{free_mb / 1000:,.1f} GB free in {folder}{full}"))
    if not path.exists():
        report.note(what, "not made yet; `voltkeeper up` makes it")
    elif not os.access(path, os.R_OK | os.W_OK):
        report.fail(what, "cannot be read and written by this user: change its owner, or run as its owner")
    else:
        try:
            with closing(connect(path, readonly=True)) as connection:
                report.add(what, _quick_check(connection, path))
                report.add("tables", _tables(connection))
        except sqlite3.Error as error:
            remedy = "restore a copy, or move the file away and a new one is made"
            report.fail(what, f"cannot be read ({error}): {remedy}")


def _quick_check(connection: sqlite3.Connection, path: Path) -> Finding:
    """Have SQLite check the file's pages, a large file for QUICK_CHECK_S."""
    until = time.monotonic() + QUICK_CHECK_S
    connection.set_progress_handler(lambda: time.monotonic() > until, 100_000)
    size = f"{path.stat().st_size / 1e6:,.1f} MB"
    try:
        (result,) = connection.execute("pragma quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        limit_s = f"{QUICK_CHECK_S:.0f} s"
        return Finding(True, f"{size}; no fault seen in {limit_s}, it is too large to check all of it")
    finally:
        connection.set_progress_handler(None, 0)
    whole = result == "ok"
    return Finding(whole, f"intact, {size}" if whole else f"is damaged ({result}): restore a copy")


def _tables(connection: sqlite3.Connection) -> Finding:
    """Compare the migrations that the file has with those of this version."""
    if newer := newer_version(connection):
        return Finding(False, f"of a newer Voltkeeper: install {newer}, or restore a copy from before")
    pending = migrations.pending(Database(connection))
    if pending:
        return Finding(True, f"{len(pending)} changes behind; the next start of `voltkeeper up` makes them")
    return Finding(True, "up to date")


def _check_retention(report: CheckReport, config: Config) -> None:
    """Report when the file was last pruned: the site does it daily; without a site it takes a timer."""
    if not config.database.exists():
        return
    try:
        with closing(connect(config.database, readonly=True)) as connection:
            pruned, made = connection.execute(
                "select (select max(ended_at) from retention_runs where state = 'done'), "
                "(select min(applied_at) from _sqlite_migrations)"
            ).fetchone()
            rows = sum(item.rows for item in plan(connection, config.retention))
        passed = time.time() - parse_utc(pruned or made)
    except (sqlite3.Error, ValueError):
        return  # the lines of the database report what is wrong with it
    if rows and passed > LATE_PRUNE_S:
        report.note(
            "retention",
            f"{f'last pruned {format_duration(passed)} ago' if pruned else 'never pruned'}, "
            f"{rows:,} rows are older than it allows: the site prunes daily; where none runs, let a timer "
            "run `voltkeeper prune`",
        )
    elif pruned:
        report.ok("retention", f"last pruned {format_duration(passed)} ago")


def _check_sources(report: CheckReport, config: Config) -> None:
    """Report what the readers know of their sources, and try those that nothing reads now."""
    probes = (
        *(Probe(f"gateway {one.name}", one, partial(probe_gateway, one)) for one in config.gateways),
        *(Probe(f"NUT server {one.name}", one, partial(probe_nut, one)) for one in config.nut),
        *(Probe(f"EP20 {one.name}", one, partial(probe_must, one)) for one in config.must),
    )
    if not probes:
        report.note("sources", "none; name one under gateways:, nut: or must: in config.yml")
    try:
        known = read_sources(config.database)
    except sqlite3.Error:
        known = {}  # the database's own line reports what is wrong with it

    def find(probe: Probe) -> tuple[str, Finding]:
        source = known.get(probe.source.name)
        if source is not None and source.alive and source.address == probe.source.address:
            good = source.state == "connected" and not source.late and not source.faulty
            return source.address, Finding(good, describe_source(source))
        idle = Finding(True, "part of the demo house, which does not run now")
        return probe.source.address, idle if config.demo else probe.ask()

    with ThreadPoolExecutor(max(len(probes), 1)) as pool:
        for probe, (address, finding) in zip(probes, pool.map(find, probes), strict=True):
            report.add(f"{probe.what} ({address})", finding)


def _check_ids(report: CheckReport, config: Config) -> None:
    """Report for how many new nodes each gateway has ids."""
    try:
        found = read_ids(config.database)
    except sqlite3.Error:
        return  # the database's own line reports what is wrong with it
    names = [gateway.name for gateway in config.gateways]
    for name, severity, text in found:
        if name in names:
            report.add(f"ids of {name}", Finding(severity == Severity.OK, text))


def _check_dropped(report: CheckReport, config: Config) -> None:
    """Report what gateways sent in the last day and was not kept."""
    try:
        found = read_dropped(config.database)
    except sqlite3.Error:
        return  # the database's own line reports what is wrong with it
    for name, text in found:
        report.fail(f"gateway {name}", text)


def _check_orders(report: CheckReport, config: Config) -> None:
    """Ask the servers of UPSes of which something may be ordered, whether they are read or not."""
    for server in () if config.demo else config.nut:
        if server.command_username is not None or orders_of(server, config.ups):
            report.add(f"orders to {server.name}", probe_orders(server, config.ups))


def _check_variables(report: CheckReport, config: Config) -> None:
    for what, finding in variable_findings(config):
        report.add(what, finding)


def _check_cards(report: CheckReport, config: Config) -> None:
    if finding := card_finding(config):
        report.add("home", finding)


def _check_reports(report: CheckReport, config: Config) -> None:
    for what, finding in report_findings(config):
        report.add(what, finding)
    if note := picture_note(config):
        report.note("reports", note)


def _check_thresholds(report: CheckReport, config: Config) -> None:
    for what, (finding, is_note) in threshold_findings(config):
        if is_note:
            report.note(what, finding.message)
        else:
            report.add(what, finding)


def _check_settings(report: CheckReport, config: Config) -> None:
    for what, finding in setting_findings(config.database):
        report.add(what, finding)


def _check_alerts(report: CheckReport, config: Config, send: bool) -> None:
    for what, finding in alert_findings(config, send):
        report.add(what, finding)
    with suppress(sqlite3.Error):  # _check_database says why it cannot be read
        for line in alert_notes(config):
            report.note("alerts", line)
        for line in alert_failures(config):
            report.fail("alerts", line)


def _check_site(report: CheckReport, config: Config) -> None:
    host, port = config.web.host, config.web.port
    if not report.port_named:
        host, port = running_address(config.database) or (host, port)
    what, url = f"site {host}:{port}", site_url(host, port)
    try:
        claim(host, port).close()
    except SitePortError as error:
        answer = fetch(url.rstrip("/") + PULSE)
        if b'"changes"' in answer.body or "signing in" in answer.fault:
            report.ok(what, f"answers at {url}")
        else:
            report.fail(what, " ".join(str(error).split()))
    else:
        report.ok(what, "the port is free; the site does not run now")


def _check_access(report: CheckReport, config: Config) -> None:
    access = config.access
    writers = [
        *(person.name for person in access.people if person.may),
        *(token.name for token in access.tokens if token.may),
    ]
    reading = (
        f"reading: {'open to anyone' if access.read == 'anyone' else access.read}; {_describe_sql(access)}"
    )
    if writers:
        report.ok("access", f"{reading}; writing: {', '.join(writers)}")
    else:
        report.note("access", f"{reading}; writing is off: access: in config.yml turns it on")
    if config.web.host not in LOCAL and access.read == "anyone":
        report.note(
            "access",
            f"anyone who reaches port {config.web.port} of this machine can read; "
            "access: {read: signed-in} ends that",
        )


def _describe_sql(access: Access) -> str:
    """Who may write SQL of their own: it never reaches further than reading does."""
    who = {"anyone": "anyone who may read", "signed-in": "signed-in users", "off": "nobody"}[access.sql]
    return f"SQL of one's own (access.sql): {who}"


def _check_secrets(report: CheckReport, config: Config) -> None:
    if config.path and (literals := load_with_secrets(config.path)[1]):
        if config.path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            report.fail("secrets", f"{', '.join(literals)} can be read by others: chmod 600 {config.path}")
        else:
            report.ok(
                "secrets", f"{', '.join(literals)} stand in {config.path.name}, which only its owner reads"
            )
    elif config.path and (config.access.people or config.access.tokens):
        report.ok("secrets", f"all come from the environment or {FILE}, and are there")
    if config.path and (file := environment_file(config.path)).exists() and not is_private(file):
        report.fail("secrets", f"{file.name} can be read by others: chmod 600 {file}")
    key = Path(f"{config.database}.secret")
    if key.exists() and key.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        report.fail("secrets", f"the key that signs cookies can be read by others: chmod 600 {key}")


def _check_log(report: CheckReport, config: Config) -> None:
    file = config.log.file
    if file:
        target = next(path for path in (file, *file.parents) if path.exists())
        fault = "" if os.access(target, os.W_OK) else f" cannot be written: change the owner of {target}"
        report.add("log", Finding(not fault, f"{file}{fault}"))
