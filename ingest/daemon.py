"""The ingest process: every reader of the config in one event loop, one thread that writes."""

import asyncio
import gc
import logging
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Collection, Container, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ingest.clock.sink import ClockSink
from ingest.config.model import Config, GatewaySettings
from ingest.db.connection import BUSY_TIMEOUT_S, checkpoint_wal, connect
from ingest.db.locks import LockedError, lock_byte
from ingest.db.problems import Problem, find_problem
from ingest.db.wake import WakePipe
from ingest.forecast.forecaster import Forecaster
from ingest.mqtt.client_id import client_id, gateway_part
from ingest.mysensors.broker_rows import load_fetched, load_packets
from ingest.mysensors.commands import NodeOrder, NodeOrderChange
from ingest.mysensors.controller import GatewayServices
from ingest.mysensors.dropped import DroppedSink, GatewayDropped
from ingest.mysensors.events import EventSink, GatewayItem
from ingest.mysensors.gateway import Gateway
from ingest.mysensors.known_nodes import load_known_nodes
from ingest.mysensors.ota_records import OtaChange, OtaRecord
from ingest.mysensors.ota_rows import load_ota_state
from ingest.mysensors.ota_session import OtaService
from ingest.mysensors.ota_store import OtaSink
from ingest.mysensors.outbox import Outbox
from ingest.mysensors.records import ReceivedBlock, StoreItem
from ingest.mysensors.registry import mark_id_givers, note_units, number_gateways
from ingest.mysensors.replay import replay as replay_lines
from ingest.mysensors.settings import GatewayTiming
from ingest.mysensors.sleep_settings import SleepSettings
from ingest.mysensors.state import ChannelState
from ingest.mysensors.store import Store
from ingest.mysensors.transport import run_gateway
from ingest.pipeline.free_space import FreeSpace
from ingest.pipeline.heartbeat import HeartbeatFile, HeartbeatTask
from ingest.pipeline.open_database import WriterTiming
from ingest.pipeline.source_health import HEARTBEAT_S, Health, StatusSink
from ingest.pipeline.writer import AnySink, Writer
from ingest.process.memory import keep_little
from ingest.process.running_time import RunningTime
from ingest.process.systemd import READY, STOPPING, feed_watchdog, notify
from ingest.recompute.open_events import close_obsolete
from ingest.recompute.recomputer import Recomputer
from ingest.scheduled_commands import scheduled_commands
from ingest.schema.migrate import NewerDatabaseError, migrate
from ingest.sources import UpsSources
from ingest.spooled_batches import SpooledBatches, Unwritten
from ingest.thresholds.sink import ThresholdSink
from ingest.ups.orders import UpsOrderChange
from ingest.ups.records import UpsItem
from ingest.ups.source_lock import lock_offset

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DaemonTiming:
    """Times of one ingest process in seconds; those of its parts come in objects of their modules."""

    # The loop gets the interpreter back from the writer this soon: an OTA answer must not wait.
    switch_s: float = 0.0005
    busy_timeout_s: float = BUSY_TIMEOUT_S
    heartbeat_s: float = HEARTBEAT_S
    stop_s: float = 5.0  # after SIGTERM: what is not written by then goes into the spool
    writer: WriterTiming = field(default_factory=WriterTiming)
    gateway: GatewayTiming = field(default_factory=GatewayTiming)


DEFAULT_TIMING = DaemonTiming()


def run_ingest(
    config: Config,
    names: Collection[str] = (),
    replay: Path | None = None,
    timing: DaemonTiming = DEFAULT_TIMING,
) -> int:
    """Read the sources of the config, or those named, until SIGTERM or SIGINT. Returns an exit code.

    `replay` is a file of lines: it is stored as if the one gateway that is named sent them now.
    """
    every = [source.name for source in config.sources]
    unknown = set(names) - set(every)
    if unknown:
        known = ", ".join(every) or "none"
        print(f"No source named {', '.join(sorted(unknown))}; the config has: {known}", file=sys.stderr)
        return 2
    os.environ["TZ"] = config.timezone
    time.tzset()
    sys.setswitchinterval(timing.switch_s)
    keep_little()
    try:
        migrate(config.database)
    except NewerDatabaseError as error:
        log.error("%s", error)
        return 2  # nothing that a restart helps
    except (OSError, sqlite3.Error) as error:
        log.error("ingest cannot start: %s", find_problem(config.database, error))
        return 1
    if replay is not None:
        try:
            return _replay(config, names, replay)
        except (OSError, sqlite3.Error) as error:
            log.error("the recording cannot be stored: %s", find_problem(config.database, error))
            return 1
    return asyncio.run(_run(config, names or every, timing))


async def _run(config: Config, names: Collection[str], timing: DaemonTiming) -> int:
    try:
        daemon = _make_daemon(config, names, timing)
    except LockedError as error:
        log.error("%s that runs on %s: stop that one first", error, config.database)
        return 1
    except (OSError, sqlite3.Error) as error:
        log.error("ingest cannot start: %s", find_problem(config.database, error))
        return 1
    daemon.start()
    gc.freeze()  # what there is by now stays: no collection looks at it again, which would stop the loop
    log.info("Reading %s into %s", ", ".join(names) or "no source", config.database)
    notify(READY)
    await daemon.stop_requested.wait()
    notify(STOPPING)
    unwritten = await daemon.stop()
    if daemon.problem is None and unwritten is None:
        checkpoint_wal(config.database)
    return _report_end(daemon.problem, unwritten)


def _report_end(problem: Problem | None, unwritten: Unwritten | None) -> int:
    """Log how ingest ended, and return its exit code: 0 where everything received is in the database."""
    if unwritten is None:
        if problem is None:
            log.info("Stopped; everything received is stored")
            return 0
        log.error("Ended: %s. Nothing received waits to be stored", problem)
        return 1
    reason = f"Ended: {problem}." if problem is not None else "Stopped."
    if unwritten.kept:
        log.error(
            "%s %d lines that could not be written are kept in the spool: the next start stores them",
            reason,
            unwritten.kept,
        )
    if unwritten.lost:
        log.error(
            "%s %d lines are lost, unless the disk took them after all: %s",
            reason,
            unwritten.lost,
            unwritten.problem,
        )
    return 1


def _make_daemon(config: Config, names: Collection[str], timing: DaemonTiming) -> "Daemon":
    """Open the database and lock the sources. Raises LockedError, OSError, sqlite3.Error."""
    connection = connect(config.database, busy_timeout_s=timing.busy_timeout_s)
    numbers = number_gateways(connection, [(gateway.name, gateway.address) for gateway in config.gateways])
    note_units(connection, {gateway.name: gateway.metric for gateway in config.gateways})
    mark_id_givers(
        connection, {numbers[one.name]: one.controller and one.answers.ids for one in config.gateways}
    )
    gateways = {numbers[gateway.name]: gateway for gateway in config.gateways if gateway.name in names}
    closed = close_obsolete(connection, config.ups, config.variables)
    if closed:
        log.info("%d events of UPSes are closed: by the present rules they would not be open", closed)
    upses = UpsSources(config, names, connection)
    _lock_sources(config.database, gateways, upses.names)
    return Daemon(config, connection, gateways, numbers, upses, timing)


def _lock_sources(database: Path, gateways: dict[int, GatewaySettings], upses: Iterable[str]) -> None:
    """Become the one reader of each source, until this process ends. Raises LockedError."""
    bytes_of = {f"Gateway {gateway.name}": number for number, gateway in gateways.items()}
    bytes_of |= {f"Source {name}": lock_offset(name) for name in upses}
    for source, offset in bytes_of.items():
        lock_byte(f"{database}.lock", offset, f"{source} is read by another voltkeeper")


def _make_gateway(
    config: Config,
    settings: GatewaySettings,
    connection: sqlite3.Connection,
    number: int,
    health: Health,
    services: GatewayServices,
) -> Gateway:
    known = load_known_nodes(connection, number)
    if settings.mqtt is None:
        return Gateway(settings, known, health, services)
    # Here, so that paho-mqtt takes its memory only where it is used.
    from ingest.mysensors.broker_session import BrokerSession
    from ingest.mysensors.mqtt_gateway import MqttGateway

    broker, prefix = config.broker(settings.mqtt), settings.publish or ""
    session = BrokerSession(
        broker,
        client_id(connection, broker, gateway_part(number, prefix)),
        prefix,
        load_packets(connection, number),
        load_fetched(connection, number),
    )
    return MqttGateway(settings, known, health, services, session)


class Daemon:
    """The readers, sinks and writer of one ingest process, wired together on the running event loop.

    `gateways` maps the numbers of the gateways that this process reads to their settings, `numbers` the names
    of all of the config to theirs. Sinks run in the writer's thread, gateways in the loop: what goes from the
    former to the latter passes through `call_soon_threadsafe`.
    """

    def __init__(
        self,
        config: Config,
        connection: sqlite3.Connection,
        gateways: dict[int, GatewaySettings],
        numbers: dict[str, int],
        upses: UpsSources,
        timing: DaemonTiming,
    ) -> None:
        self.stop_requested = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._upses, self._timing = upses, timing
        self._numbers = numbers
        self._tasks: list[asyncio.Task[None]] = []
        self._writer = Writer(connection, config.commit_s, self._writer_failed, timing.writer)
        healths = {
            number: Health(gateway.name, "mysensors", gateway.address) for number, gateway in gateways.items()
        }
        for health in healths.values():
            health.resume(connection)
        self._healths = [*healths.values(), *upses.healths]
        sources = tuple(health.source for health in self._healths)
        self._spool = SpooledBatches(config.database, sources)
        self._heartbeat = HeartbeatTask(
            self._writer, HeartbeatFile(config.database, self._spool.number), sources
        )
        self._scheduled = scheduled_commands(config, upses.names, upses.orders.look_again)
        services = self._add_sinks(config, connection, gateways, timing)
        self._gateways = {
            number: _make_gateway(config, settings, connection, number, healths[number], services)
            for number, settings in gateways.items()
        }
        self._ota.restore(self._stored_ota)
        spooled = self._spool.load(connection, numbers, self._sink_of)
        for item in (item for batch in spooled for _, item, _ in batch.items):
            if isinstance(item, ReceivedBlock) and item.gateway in self._gateways:
                self._gateways[item.gateway].note_taken(item.delivery.packets)
        self._writer.restore(spooled)
        self._writer.restored = self._spool.clear
        self._wake = WakePipe(config.database)

        def changes() -> int:
            return self._writer.changes

        self._recomputer = Recomputer(config.database, config.timezone, config.ups, changes=changes)
        self._forecaster = Forecaster(config.database, config.timezone, changes=changes)

    def _add_sinks(
        self,
        config: Config,
        connection: sqlite3.Connection,
        gateways: dict[int, GatewaySettings],
        timing: DaemonTiming,
    ) -> GatewayServices:
        """Give the writer its sinks, in the order in which they write. Returns what gateways use."""
        listen_only = {number: not gateway.controller for number, gateway in gateways.items()}
        self._store = store = Store(connection, config.timezone, self._node_deleted)
        clock = ClockSink(connection)
        store.rolled.correction = self._upses.store.rolled.correction = clock.correction
        store.on_import = self._imported
        store.on_marked, store.on_stored = self._marked, self._stored
        store.free_space = FreeSpace(connection, config.database, config.min_free_mb)
        self._running = running = RunningTime()
        events = EventSink(connection, store, stable_s=timing.gateway.stable_s, running=running)
        thresholds = self._watch_thresholds(config, connection, gateways, events)
        dropped = DroppedSink()
        outbox = Outbox(listen_only, self._deliver_orders)
        sleep = SleepSettings(listen_only, self._deliver_sleep)
        self._stored_ota = load_ota_state(connection, listen_only)
        ota_sink = OtaSink(listen_only, config.ota.rollout, self._stored_ota, self._deliver_ota)
        self._ota = OtaService(config.ota, partial(self._writer.put, ota_sink), self._writer.flush, running)
        status = StatusSink(self._healths, timing.heartbeat_s, lambda: self._writer.batch)
        self._sinks = (
            (StoreItem, store),
            (GatewayItem, events),
            (GatewayDropped, dropped),
            (OtaRecord, ota_sink),
            (NodeOrderChange, outbox),
            (UpsItem, self._upses.store),
            (UpsOrderChange, self._upses.orders),
        )
        own = (store, store.free_space, events, dropped, sleep, outbox, ota_sink)
        for sink in (*own, self._upses.store, self._upses.orders, self._scheduled, thresholds, status, clock):
            self._writer.add(sink)
        self._writer.before_commit = clock.follow
        return GatewayServices(
            self._writer,
            store,
            events,
            dropped,
            outbox,
            self._ota,
            config.timezone,
            timing.gateway,
            running,
            lambda: clock.is_believed,
        )

    def _watch_thresholds(
        self, config: Config, connection: sqlite3.Connection, gateways: Container[int], events: EventSink
    ) -> ThresholdSink:
        """The sink of the config's `thresholds:`, which gets what the stores take in."""
        read_here, numbers, settings = (gateways, self._upses.names), self._numbers, config.thresholds
        sink = ThresholdSink(connection, settings, numbers, *read_here, self._store, events)
        self._thresholds, self._upses.store.on_sample = sink, sink.take_sample
        return sink

    def start(self) -> None:
        """Begin to read and write; SIGTERM and SIGINT set `stop_requested`."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self.stop_requested.set)
        self._writer.start()
        if self._wake.descriptor is not None:
            self._loop.add_reader(self._wake.descriptor, self._woken)
        self._upses.start(self._writer)
        self._recomputer.start()
        self._forecaster.start()
        self._tasks = [asyncio.create_task(run_gateway(gateway)) for gateway in self._gateways.values()]
        self._tasks.append(asyncio.create_task(self._running.run(_report_stall)))
        self._tasks.append(asyncio.create_task(feed_watchdog(self._writer.is_responsive)))
        self._tasks.append(asyncio.create_task(self._heartbeat.run()))

    @property
    def problem(self) -> Problem | None:
        """Why the writer ended before it was stopped."""
        return self._writer.problem

    async def stop(self) -> Unwritten | None:
        """End the readers first, then write what they have handed in, within `stop_s`.

        Returns what became of the rest, None where all is in the database.
        """
        give_up_at = time.monotonic() + self._timing.stop_s
        if self._wake.descriptor is not None:
            self._loop.remove_reader(self._wake.descriptor)
            self._wake.close()
        for gateway in self._gateways.values():
            gateway.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        threads = (self._upses, self._recomputer, self._forecaster)
        await asyncio.gather(*(asyncio.to_thread(thread.stop) for thread in threads))
        self._ota.stop()
        for health in self._healths:
            health.set_state("stopped", "ingest was stopped")
        await asyncio.to_thread(self._writer.stop, max(0.5, give_up_at - time.monotonic()))
        if self._writer.cannot_restore:
            self._spool.set_aside()
        waiting = self._writer.unwritten()
        unwritten = self._spool.keep(waiting, self._numbers) if waiting else None
        self._heartbeat.stop()
        self._writer.close()
        return unwritten

    def _sink_of(self, item: object) -> AnySink:
        return next(sink for kinds, sink in self._sinks if isinstance(item, kinds))

    def _woken(self) -> None:
        self._wake.drain()
        self._writer.poll_now()

    # Called in the writer's thread.

    def _writer_failed(self) -> None:
        self._loop.call_soon_threadsafe(self.stop_requested.set)

    def _node_deleted(self, number: int, node_id: int, child_id: int | None) -> None:
        self._thresholds.forget(256 * number + node_id, child_id)
        if number in self._gateways:
            is_gone = 256 * number + node_id not in self._store.nodes
            forget = self._gateways[number].controller.forget
            self._loop.call_soon_threadsafe(forget, node_id, child_id, is_gone)

    def _imported(self, connection: sqlite3.Connection) -> None:
        for number, gateway in self._gateways.items():
            imported = load_known_nodes(connection, number)
            self._loop.call_soon_threadsafe(gateway.controller.merge_imported, imported)

    def _marked(self, channel: ChannelState) -> None:
        self._thresholds.take_marked(channel)
        number, node_id = divmod(channel.node, 256)
        if number in self._gateways:
            doubt = self._gateways[number].controller.known.doubt
            self._loop.call_soon_threadsafe(doubt, node_id, channel.sensor % 256, channel.type)

    def _stored(self, number: int, packets: list[int]) -> None:
        if number in self._gateways:
            self._loop.call_soon_threadsafe(self._gateways[number].acknowledge, packets)

    def _deliver_orders(self, number: int, orders: list[NodeOrder]) -> None:
        self._loop.call_soon_threadsafe(self._gateways[number].controller.add_orders, orders)

    def _deliver_sleep(self, number: int, settings: dict[int, str]) -> None:
        self._loop.call_soon_threadsafe(self._gateways[number].controller.set_sleep, settings)

    def _deliver_ota(self, changes: list[OtaChange]) -> None:
        self._loop.call_soon_threadsafe(self._ota.apply, changes)


def _report_stall(missed_s: float) -> None:
    log.warning(
        "Nothing was read for %.0f s (swapping, a slow disk, a frozen container, load): what waits is read "
        "before anything counts as silent",
        missed_s,
    )


def _replay(config: Config, names: Collection[str], path: Path) -> int:
    chosen = [gateway for gateway in config.gateways if not names or gateway.name in names]
    if len(chosen) != 1:
        print("A recording is of one gateway: name it", file=sys.stderr)
        return 2
    with open(path, "rb") as lines:
        recording = ((time.time(), line.rstrip(b"\n")) for line in lines)
        total = replay_lines(config.database, chosen[0].name, chosen[0].address, recording, config.timezone)
    print(f"{total:,} lines of {path} are stored as lines of gateway {chosen[0].name}")
    return 0
