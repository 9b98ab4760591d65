"""The ingest process: every reader of the config in one event loop, one thread that writes."""

import asyncio
import logging
import os
import signal
import sqlite3
import sys
import time
from dataclasses import dataclass, field
from types import SimpleNamespace

from ingest.db.connection import BUSY_TIMEOUT_S, checkpoint_wal, connect
from ingest.db.locks import LockedError, lock_byte
from ingest.mysensors.events import EventSink
from ingest.mysensors.gateway import Gateway
from ingest.mysensors.known_nodes import load_known_nodes
from ingest.mysensors.ota_session import OtaService
from ingest.mysensors.ota_store import OtaSink, load
from ingest.mysensors.outbox import Outbox
from ingest.mysensors.registry import number_gateways
from ingest.mysensors.replay import replay as replay_lines
from ingest.mysensors.store import Store
from ingest.mysensors.transport import run_gateway
from ingest.pipeline.source_health import HEARTBEAT_S, Health, StatusSink
from ingest.pipeline.writer import Writer, WriterTiming
from ingest.process.systemd import READY, STOPPING, feed_watchdog, notify
from ingest.schema.migrate import migrate
from ingest.sources import UpsSources
from ingest.ups.source_lock import lock_offset

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DaemonTiming:
    """Times and limits of one ingest process, in seconds; each part's own ones come in an object of its module."""

    # The loop gets the interpreter back from the writer this soon: an OTA answer must not wait.
    switch_s: float = 0.0005
    busy_timeout_s: float = BUSY_TIMEOUT_S
    heartbeat_s: float = HEARTBEAT_S
    writer: WriterTiming = field(default_factory=WriterTiming)


def run_ingest(config, names=(), replay=None, timing=DaemonTiming()):
    """Read the sources of the config, or those named, until SIGTERM or SIGINT. Returns an exit code.

    `replay` is a file of lines: it is stored as if the one gateway that is named said them now.
    """
    every = [source.name for source in (*config.gateways, *config.nut, *config.must)]
    unknown = set(names) - set(every)
    if unknown:
        known = ", ".join(every) or "none"
        print(f"No source named {', '.join(sorted(unknown))}; the config has: {known}", file=sys.stderr)
        return 2
    os.environ["TZ"] = config.timezone
    time.tzset()
    sys.setswitchinterval(timing.switch_s)
    try:
        migrate(config.database)
    except (OSError, sqlite3.Error) as error:
        log.error("%s cannot be used: %s; `voltkeeper check` tells more", config.database, error)
        return 1
    if replay is not None:
        return _replay(config, names, replay)
    return asyncio.run(_run(config, names or every, timing))


async def _run(config, names, timing):
    gateway_configs = [gateway for gateway in config.gateways if gateway.name in names]
    connection = connect(config.database, busy_timeout_s=timing.busy_timeout_s)
    numbers = number_gateways(connection, [(gateway.name, gateway.address) for gateway in config.gateways])
    upses = UpsSources(config, names, connection)
    places = [(f"Gateway {gateway.name}", numbers[gateway.name]) for gateway in gateway_configs]
    places += [(f"Source {name}", lock_offset(name)) for name in upses.names]
    try:
        for place, number in places:  # held until the process ends
            lock_byte(f"{config.database}.lock", number, f"{place} is read by another voltkeeper")
    except LockedError as error:
        log.error("%s that runs on %s: stop that one first", error, config.database)
        return 1
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    failed = []

    def fail():
        failed.append(True)
        loop.call_soon_threadsafe(stop.set)

    healths = [Health(gateway.name, "mysensors", gateway.address) for gateway in gateway_configs]
    for health in healths:
        health.resume(connection)
    gateways = {}

    def deleted(number, node_id, child):
        if number in gateways:
            loop.call_soon_threadsafe(gateways[number].forget_node, node_id, child)

    store = Store(connection, config.timezone, deleted)
    listen_only = {numbers[gateway.name]: not gateway.controller for gateway in gateway_configs}
    kept = load(connection, listen_only)
    firmware_sink = OtaSink(
        listen_only,
        config.ota.rollout_settings(),
        kept,
        lambda news: loop.call_soon_threadsafe(sinks.firmware.take, news),
    )
    writer = Writer(connection, config.commit_s, fail, timing.writer)
    sinks = SimpleNamespace(
        store=store,
        events=EventSink(connection, store),
        outbox=Outbox(
            listen_only,
            lambda number, orders: loop.call_soon_threadsafe(gateways[number].add_orders, orders),
        ),
        status=StatusSink([*healths, *upses.healths], timing.heartbeat_s),
        firmware=OtaService(
            config.ota.settings(),
            config.ota.at_once,
            lambda item: writer.put(firmware_sink, item),
            writer.flush,
        ),
    )
    for sink in (
        sinks.store,
        sinks.events,
        sinks.outbox,
        firmware_sink,
        upses.store,
        upses.orders,
        sinks.status,
    ):
        writer.add(sink)
    for gateway_config, health in zip(gateway_configs, healths):
        number = numbers[gateway_config.name]
        known = load_known_nodes(connection, number)
        gateways[number] = Gateway(gateway_config, number, config.timezone, writer, sinks, health, known)
    sinks.firmware.restore(kept)

    def learn(connection):
        for number, gateway in gateways.items():
            loop.call_soon_threadsafe(gateway.merge_imported, load_known_nodes(connection, number))

    store.on_import = learn
    writer.start()
    upses.start(writer)

    tasks = [asyncio.create_task(run_gateway(gateway)) for gateway in gateways.values()]
    log.info("Reading %s into %s", ", ".join(names) or "no source", config.database)
    feeding = asyncio.create_task(feed_watchdog(writer.is_responsive))
    notify(READY)
    await stop.wait()
    notify(STOPPING)
    feeding.cancel()
    for gateway in gateways.values():
        gateway.stop()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.to_thread(upses.stop)
    sinks.firmware.stop()
    for health in (*healths, *upses.healths):
        health.set_state("stopped", "ingest was stopped")
    await asyncio.to_thread(writer.stop)
    connection.close()
    checkpoint_wal(config.database)
    log.info("Stopped; everything received is stored")
    return 1 if failed else 0


def _replay(config, names, path):
    chosen = [gateway for gateway in config.gateways if not names or gateway.name in names]
    if len(chosen) != 1:
        print("A recording is of one gateway: name it", file=sys.stderr)
        return 2
    with open(path, "rb") as lines:
        recording = ((time.time(), line.rstrip(b"\n")) for line in lines)
        total = replay_lines(config.database, chosen[0].name, chosen[0].address, recording, config.timezone)
    print(f"{total:,} lines of {path} are stored as said by gateway {chosen[0].name}")
    return 0
