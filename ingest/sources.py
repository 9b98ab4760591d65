"""Every source of UPSes that one ingest process reads: threads, health, and the store."""

import logging
import sqlite3
import threading
import time
from collections.abc import Container

from ingest.clock.reading import SYSTEM_CLOCK
from ingest.config.model import Config
from ingest.config.ups import ups_sources
from ingest.db.moment import boot_id
from ingest.must.reader import MustReader
from ingest.nut.commander import Commander
from ingest.nut.reader import NutReader
from ingest.pipeline.source_health import Health
from ingest.pipeline.writer import Writer
from ingest.ups.order_queue import OrderQueue
from ingest.ups.orders import UpsOrderChange, UpsOrders
from ingest.ups.records import Poll, UpsGone, UpsItem
from ingest.ups.registry import register
from ingest.ups.store import UpsStore
from ingest.ups.tariffs import TariffRow, parse_days, parse_hours, save_tariffs

log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 3.0
LOW_CHARGE = 20.0  # % at which an EP20 counts as low, where the config has no charge_min


class UpsSources:
    """The NUT servers and EP20s of a config that are in `names`, which are in the order of the config."""

    def __init__(self, config: Config, names: Container[str], connection: sqlite3.Connection) -> None:
        every = ups_sources(config.nut, config.must)
        register(connection, every, config.ups)
        save_tariffs(connection, tariff_rows(config))
        selected = [source for source in every if source.name in names]
        self.names = [source.name for source in selected]
        self.store = UpsStore(
            connection, config.timezone, selected, config.ups, variables=config.variables, boot_id=boot_id()
        )
        self._settings = config.ups
        self._nut = [server for server in config.nut if server.name in names]
        self._must = [device for device in config.must if device.name in names]
        nut_healths = [Health(server.name, "nut", server.address) for server in self._nut]
        must_healths = [Health(device.name, "must", device.address) for device in self._must]
        self.healths = nut_healths + must_healths
        for health in self.healths:
            health.resume(connection)
        self._readers: list[NutReader | MustReader] = []
        self._commanders: list[Commander] = []
        self._writer: Writer | None = None
        self._queues = {name: OrderQueue(self._report, self._commit) for name in self.names}
        self.orders = UpsOrders(self.names, config.ups, lambda source, order: self._queues[source].add(order))

    def start(self, writer: Writer) -> None:
        """Begin to read and to send orders; what comes is put into the writer."""
        self._writer = writer
        healths = {health.source: health for health in self.healths}
        for server in self._nut:
            self._commanders.append(Commander(server, self._queues[server.name], self._emit))
            known = self.store.names(server.name)
            self._readers.append(NutReader(server, healths[server.name], self._emit, known, self._settings))
        for device in self._must:
            own = self._settings.get(device.name)
            low_charge = own.limits.charge_min if own else None
            if low_charge is None:
                low_charge = LOW_CHARGE
            queue = self._queues[device.name]
            self._readers.append(MustReader(device, healths[device.name], self._emit, queue, low_charge))
        for thread in self._threads():
            thread.start()

    def _emit(self, item: UpsItem) -> None:
        """Hand an item to the writer; a poll that took long bears the clock of now, too."""
        if self._writer is None:
            return
        with SYSTEM_CLOCK.stamping() as now:
            if isinstance(item, Poll):
                item.restamp(SYSTEM_CLOCK.restamp)
            elif isinstance(item, UpsGone):
                item.at = now
            self._writer.put(self.store, item)

    def _report(self, change: UpsOrderChange) -> None:
        if self._writer is not None:
            self._writer.put(self.orders, change)

    def _commit(self, seconds: float) -> bool:
        """Have all that was handed over on disk; False where that takes longer."""
        if self._writer is None:
            return False
        done = threading.Event()
        self._writer.flush(done.set)
        return done.wait(seconds)

    def _threads(self) -> list[Commander | NutReader | MustReader]:
        return [*self._commanders, *self._readers]

    def stop(self) -> None:
        """End every reader and sender, within STOP_TIMEOUT_S; what is pending is handed over by then."""
        for thread in self._threads():
            thread.stop()
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for thread in self._threads():
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                log.warning("%s did not stop within %.0f s; ending without it", thread.source, STOP_TIMEOUT_S)


def tariff_rows(config: Config) -> list[TariffRow]:
    """The config's `energy:` as rows of `tariffs`."""
    return [
        TariffRow(
            tariff.valid_from or None,
            tariff.valid_to or None,
            parse_hours(tariff.hours),
            parse_days(tariff.days),
            tariff.price_per_kwh,
            tariff.currency,
        )
        for tariff in config.energy
    ]
