"""`voltkeeper import`: a file's rows into the database, in small transactions beside a running ingest, each row once.

Every transaction holds CHUNK rows of the source and how far it has come. After a kill the rows before that point are
read again to know what they taught (pauses, usual values), and not stored again; so the result is the same.
"""

import os
import sqlite3
import time
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from ingest.db.connection import connect, transaction
from ingest.db.locks import LockedError, lock_byte
from ingest.db.reserved_ids import HOLDERS
from ingest.db.time import format_utc
from ingest.maintenance.retention import describe_item, read_plan
from ingest.mysensors.registry import number_gateways
from ingest.schema.migrate import migrate
from ingest.transfer.checkpoint import find_entry, finish, open_entry, raise_topics, save_entry
from ingest.transfer.importers.detect import detect
from ingest.transfer.records import Skip, TransferError

CHUNK = 1000  # rows of the source in a transaction
REST = 0.5  # of the time that a transaction took is left to others before the next one
PLACE = 1 << 20  # byte of the lock file that an import holds
WITHOUT_CONFIG = "main"  # what `--gateway HOST:PORT` calls its gateway


@dataclass
class Options:
    """What the command line and the config say about an import."""

    timezone: str  # of local times in the file
    house_timezone: str  # of days and hours
    gateway: int = 0
    ups: str | None = None
    format: str | None = None
    configured_upses: tuple[str, ...] = ()

    def ups_for(self, name):
        """The name that `--ups` gives the UPS that a file calls `name`; `--ups @closet` says the server alone."""
        if self.ups is None:
            return name
        return name.partition("@")[0] + self.ups if self.ups.startswith("@") else self.ups

    @property
    def gateway_words(self):
        """What a gateway is called in `imports`: its name may change, its number stays."""
        return f"gateway {self.gateway}"


@dataclass
class Outcome:
    """What became of one part of the file."""

    what: str
    stored: int
    skipped: Counter
    earlier: int = 0  # rows that an import before this one has read
    verb: str = "stored"


def run_import(config, path, timezone=None, gateway=None, ups=None, format=None, bar=click.progressbar):
    """Import a file. Returns (what it is, Outcomes). Raises TransferError, LockedError."""
    path = Path(path)
    options = Options(
        timezone or config.timezone, config.timezone, ups=ups, format=format, configured_upses=_upses(config)
    )
    kind = detect(path, options)
    migrate(config.database)
    with closing(connect(config.database)) as connection, _alone(config.database):
        options.gateway = choose_gateway(connection, config, gateway)
        with closing(kind.Source(path, options)) as source:
            outcomes = []
            for stream, sink in source.streams():
                outcomes.append(_carry(connection, source, stream, sink, path, bar))
            for what, verb, save in source.states():
                stored, skipped = save(connection)
                outcomes.append(Outcome(what, stored, skipped, verb=verb))
    return kind.TITLE, outcomes


def choose_gateway(connection, config, name):
    """The number of the gateway that messages go to: the one that is named, else the first. Raises TransferError."""
    if config.gateways:
        number_gateways(connection, [(one.name, one.address) for one in config.gateways])
    known = dict(connection.execute("select name, id from gateways order by id"))
    if not known and (name in (None, WITHOUT_CONFIG)):
        with transaction(connection):
            connection.execute(
                "insert into gateways (id, name, address, configured) values (0, ?, '', 0)", (WITHOUT_CONFIG,)
            )
        return 0
    if name is not None and name not in known:
        raise TransferError(
            f"There is no gateway {name!r}; there are: {', '.join(known) or 'none, name it in config.yml first'}"
        )
    return min(known.values()) if name is None else known[name]


def _upses(config):
    """Names of the UPSes that the config lists."""
    servers = [f"{ups}@{server.name}" for server in getattr(config, "nut", ()) for ups in server.ups]
    return (*servers, *(device.name for device in getattr(config, "must", ())))


@contextmanager
def _alone(database):
    """Raises LockedError while another import runs: two would share the ids of one stretch."""
    message = f"Another import into {database} is running: wait for it"
    descriptor = lock_byte(f"{database}.lock", PLACE, message)
    try:
        yield
    finally:
        os.close(descriptor)


def _carry(connection, source, stream, sink, path, bar):
    """Bring one stream over, from where it was left."""
    number = stream.count()
    entry = find_entry(connection, source.kind, stream, source.target)
    known, known_at = (entry.position, entry.last_at) if entry else (0, None)
    left, before = _look(stream, known, known_at) if entry else (number, 0)

    def begin(earlier, rows):
        with transaction(connection):
            entry = open_entry(connection, source.kind, stream, source.target, path.name, earlier)
            sink.begin(connection, entry, rows)
            save_entry(connection, entry)
            raise_topics(connection, ())
        return entry

    if entry is not None and entry.finished_at is None:
        sink.look(connection)
        sink.resume(entry)
    elif not left:
        return Outcome(stream.name, 0, Counter(), before)
    else:
        sink.look(connection)
        entry = begin(entry, left)
    stored, skipped, chunk, dry = 0, Counter(), 0, 0
    at = 0.0
    with bar(length=number, label=f"{path.name}: {stream.name}") as progress:
        for position, item in stream.items():
            fresh = stream.is_new(position, item, known, known_at)
            if fresh and dry:  # what these rows taught is kept, they are stored already
                sink.forget()
                progress.update(dry)
                dry = 0
            if chunk and not fresh:
                _commit(connection, stream, sink, entry, at)
                progress.update(chunk)
                chunk = 0
            if fresh and item is not None and entry.is_full:  # the file has grown since its rows were counted
                finish(connection, entry)
                entry = begin(entry, stream.count())
            reason = item.reason if isinstance(item, Skip) else None
            if item is not None and reason is None:
                reason = sink.absorb(item, fresh)
            if not fresh:
                dry += 1
                if dry == CHUNK:
                    sink.forget()
                    progress.update(dry)
                    dry = 0
                continue
            chunk += 1
            entry.position = max(entry.position, position)
            if item is not None:
                entry.rows += 1
                at = max(at, getattr(item, "at", 0.0))
                if reason is None:
                    entry.stored, stored = entry.stored + 1, stored + 1
                else:
                    entry.skipped[reason] += 1
                    skipped[reason] += 1
            if chunk == CHUNK or entry.is_full:
                _commit(connection, stream, sink, entry, at)
                progress.update(chunk)
                chunk = 0
        if chunk:
            _commit(connection, stream, sink, entry, at)
            progress.update(chunk)
    sink.end(connection)
    finish(connection, entry)
    return Outcome(stream.name, stored, skipped, before)


def _commit(connection, stream, sink, entry, at):
    started = time.monotonic()
    entry.mark = stream.mark()
    if at:
        entry.last_at = max(entry.last_at or "", format_utc(at))
    with transaction(connection):
        raise_topics(connection, sink.write(connection))
        save_entry(connection, entry)
    sink.committed()
    time.sleep(REST * (time.monotonic() - started))


def _look(stream, known, known_at):
    """(places of the file that are new, rows of it that were read before)."""
    left = before = 0
    for position, item in stream.items():
        if stream.is_new(position, item, known, known_at):
            left += 1
        else:
            before += item is not None
    return left, before


def import_file(config, path, **options):
    """Import and print what became of it. Returns an exit code."""
    try:
        title, outcomes = run_import(config, path, **options)
    except (TransferError, LockedError) as error:
        click.echo(str(error), err=True)
        return 1
    except (sqlite3.Error, OSError) as error:
        click.echo(
            f"The import stopped: {error}. What is stored stays; run it again and it goes on.", err=True
        )
        return 1
    click.echo(f"{path}: {title}, imported into {config.database}")
    for outcome in outcomes:
        earlier = f" ({outcome.earlier:,} rows were read before)" if outcome.earlier else ""
        click.echo(f"  {outcome.what}: {outcome.stored:,} {outcome.verb}{earlier}")
        for reason, number in sorted(outcome.skipped.items()):
            click.echo(f"    {number:,} left out: {reason}")
    for item in read_plan(config.database, config.retention):
        if item.rows and item.table in HOLDERS:
            setting = f"retention: {{{item.policy.setting}: null}}"
            click.echo(f"The next prune takes {describe_item(item)}. `{setting}` in the config keeps them.")
    return 0
