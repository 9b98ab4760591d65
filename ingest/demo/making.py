"""The demo's history, made once, the oldest days first.

Three processes share the work: one plays the radio network, one makes the UPSes, this one stores what the
network sent. The site may run meanwhile: `progress.days_made` is how far they are.
"""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from ingest.config.model import Config
from ingest.db.connection import checkpoint_wal, connect, transaction
from ingest.db.time import format_utc
from ingest.demo.progress import ANCHOR, DAYS, MADE, anchor
from ingest.demo.radio.battery_node import BatteryNode
from ingest.demo.radio.history import history
from ingest.demo.radio.nodes import DEMO_NODES, factory_firmware
from ingest.demo.ups.history import make_ups_history
from ingest.mysensors.replay import replay_blocks
from ingest.schema.migrate import migrate
from ingest.settings import save_setting

DAY_S = 86400
BLOCKS = 2000  # of the gateway, handed on together
LOCATIONS = {
    2: "Living room",
    4: "Front door",
    6: "Bathroom",
    7: "Greenhouse",
    11: "Wine cellar",
    12: "Garage",
}
CELLS = {4: "1 x CR123A", 7: "2 x AA", 9: "3 x AA", 11: "2 x AAA", 12: "2 x AA"}

Report = Callable[[int, int], object]  # of the days that are made and of all days
Block = tuple[float, bytes]  # unix seconds, lines


class MadeHistory(NamedTuple):
    """How much was made, and in how long."""

    messages: int
    samples: int
    seconds: float


def discard_unfinished(database: Path) -> None:
    """Delete what a making that was interrupted left: no program has it open yet."""
    if anchor(database.parent) is None:
        for path in (*database.parent.glob(database.name + "*"), database.parent / MADE):
            path.unlink(missing_ok=True)


def make_history(
    config: Config, name: str, days: int = DAYS, report: Report = lambda done, total: None
) -> MadeHistory | None:
    """Make the history of a demo config; None where it is there. `name` is the user who noted things.

    The file `began` beside the database marks that it is done; without it everything is made anew.
    """
    database, start, now = config.database, time.monotonic(), time.time()
    folder = database.parent
    if database.is_file() and anchor(folder) is not None:
        return None
    discard_unfinished(database)
    migrate(database)
    (folder / MADE).write_text("0")
    samples, messages = _store(config, days, now, report)
    _save_notes(database, name, days, now)
    checkpoint_wal(database)  # waits for the disk, which the commits before did not
    (folder / ANCHOR).write_text(f"{now:.3f}\n")
    (folder / MADE).unlink()
    return MadeHistory(messages, samples, time.monotonic() - start)


def _store(config: Config, days: int, now: float, report: Report) -> tuple[int, int]:
    """Store what nodes and UPSes sent; returns the numbers of samples and messages."""
    context = get_context("spawn")
    blocks, blocks_in = context.Pipe(duplex=False)
    upses, upses_in = context.Pipe(duplex=False)
    workers = (
        context.Process(target=_send_blocks, args=(blocks_in, days, now), daemon=True),
        context.Process(target=_make_upses, args=(upses_in, config, days, now), daemon=True),
    )
    for worker in workers:
        worker.start()
    blocks_in.close()
    upses_in.close()
    progress = _Progress(config.database.parent / MADE, days, now, upses, report)
    collecting = gc.isenabled()
    gc.disable()  # nothing that is made here refers to itself
    try:
        messages = replay_blocks(
            config.database,
            "main",
            config.gateways[0].address,
            _receive(blocks),
            config.timezone,
            committed=progress.radio_until,
            durable=False,
        )
        samples = progress.wait_for_upses()
    finally:
        if collecting:
            gc.enable()
        for worker in workers:
            worker.terminate()
            worker.join()
    return samples, messages


def _receive(blocks: Connection) -> Iterator[Block]:
    """What the process of the radio network sends, which ends with an empty list."""
    while batch := blocks.recv():
        yield from batch


def _send_blocks(out: Connection, days: int, now: float) -> None:
    """Run in a process of its own: play the radio network, and send what its gateway writes."""
    gc.disable()
    batch: list[Block] = []
    with suppress(BrokenPipeError):  # the other end was stopped
        for at, line in history(days=days, until=now):
            if batch and batch[-1][0] == at:
                batch[-1] = (at, batch[-1][1] + line + b"\n")
                continue
            if len(batch) >= BLOCKS:
                out.send(batch)
                batch = []
            batch.append((at, line + b"\n"))
        out.send(batch)
        out.send([])


def _make_upses(out: Connection, config: Config, days: int, now: float) -> None:
    """Run in a process of its own: store the UPSes' history; send how far it is, then the samples."""
    gc.disable()
    with suppress(BrokenPipeError):
        total = make_ups_history(config, days, now, committed=out.send, durable=False)
        out.send(None)
        out.send(total)


class _Progress:
    """How far both histories are, kept in a file for the site and reported day by day."""

    def __init__(self, file: Path, days: int, now: float, upses: Connection, report: Report) -> None:
        self._file, self._days, self._since = file, days, now - days * DAY_S
        self._upses, self._report = upses, report
        self._radio = self._ups = self._since
        self._has_upses = False  # all of them are stored
        self._done = 0

    def radio_until(self, at: float) -> None:
        """Messages up to `at` are stored."""
        self._radio = at
        while not self._has_upses and self._upses.poll():
            self._read_upses()
        self._write()

    def wait_for_upses(self) -> int:
        """Wait until the UPSes are stored; returns the number of their samples."""
        self._radio = self._since + self._days * DAY_S
        while not self._has_upses:
            self._read_upses()
            self._write()
        self._write()
        samples: int = self._upses.recv()
        return samples

    def _read_upses(self) -> None:
        at: float | None = self._upses.recv()
        self._has_upses = at is None
        self._ups = self._since + self._days * DAY_S if at is None else at

    def _write(self) -> None:
        done = int((min(self._radio, self._ups) - self._since) // DAY_S)
        if done > self._done:
            self._done = done
            self._file.write_text(str(done))
            self._report(done, self._days)


def _save_notes(database: Path, name: str, days: int, now: float) -> None:
    """What people noted: where nodes are, their cells, when one was changed; what nodes reported when new."""
    changes = [
        (node.node_id, format_utc(now - ago * DAY_S), name)
        for node in DEMO_NODES
        if issubclass(node, BatteryNode) and (ago := node.battery.changed_days_ago)
    ]
    with closing(connect(database)) as connection, transaction(connection):
        connection.executemany(
            "update nodes set location = ? where id = ?",
            [(location, node_id) for node_id, location in LOCATIONS.items()],
        )
        for node_id, cells in CELLS.items():
            save_setting(connection, f"nodes/{node_id}", "battery_cells", cells, name)
        connection.executemany(
            "insert into battery_changes (node, changed_at, recorded_at, recorded_by) "
            "values (?1, ?2, ?2, ?3)",
            changes,
        )
        connection.executemany(
            "insert or replace into node_firmware "
            "(node, type, version, blocks, crc, bootloader, block_size, reported_at) "
            "values (?, ?, ?, ?, ?, ?, 16, ?)",
            [(*firmware, format_utc(now - days * DAY_S)) for firmware in factory_firmware(DEMO_NODES)],
        )
