"""Every source of UPSes that one ingest process reads: their threads, their health, and the store they feed."""

import logging
import threading
import time

from ingest.config.ups import ups_sources
from ingest.must.reader import MustReader
from ingest.nut.commander import Commander
from ingest.nut.reader import NutReader
from ingest.pipeline.source_health import Health
from ingest.ups.order_queue import OrderQueue
from ingest.ups.orders import UpsOrders
from ingest.ups.registry import register
from ingest.ups.store import UpsStore
from ingest.ups.tariffs import save_tariffs

log = logging.getLogger(__name__)

END_S = 3.0


class UpsSources:
    """The NUT servers and EP20s of a config that are in `names`. `names` and `healths` are in the order of the config."""

    def __init__(self, config, names, connection):
        every = ups_sources(config.nut, config.must)
        register(connection, every, config.ups)
        save_tariffs(connection, config.energy)
        mine = [source for source in every if source.name in names]
        self.names = [source.name for source in mine]
        self.store = UpsStore(connection, config.timezone, mine, config.ups)
        self._configs = [one for one in (*config.nut, *config.must) if one.name in self.names]
        self._drivers = {source.name: source.driver for source in mine}
        self._settings = config.ups
        self.healths = [Health(one.name, self._drivers[one.name], one.address) for one in self._configs]
        for health in self.healths:
            health.resume(connection)
        self._readers, self._writer = [], None
        self.orders = UpsOrders(self.names, config.ups, self._deliver)
        self._queues = {one.name: OrderQueue(self._report, self._commit) for one in self._configs}
        self._commanders = {
            one.name: Commander(one, self._queues[one.name], self._emit)
            for one in self._configs
            if self._drivers[one.name] == "nut"
        }

    def start(self, writer):
        """Begin to read; what comes is put into the writer for the store."""
        self._writer = writer
        for commander in self._commanders.values():
            commander.start()
        for one, health in zip(self._configs, self.healths):
            known = self.store.names(one.name)
            if self._drivers[one.name] == "nut":
                reader = NutReader(one, health, self._emit, known, self._settings)
            else:
                own = self._settings.get(one.name)
                low = own.limits.charge_min if own else None
                queue = self._queues[one.name]
                reader = MustReader(one, health, self._emit, queue, 20.0 if low is None else low)
            self._readers.append(reader)
            reader.start()

    def _report(self, update):
        self._writer.put(self.orders, update)

    def _emit(self, item):
        self._writer.put(self.store, item)

    def _commit(self, seconds):
        """Have all that was handed in on disk; False where that takes longer."""
        done = threading.Event()
        self._writer.flush(done.set)
        return done.wait(seconds)

    def _deliver(self, source, order):
        self._queues[source].add(order)

    def stop(self):
        """End every reader and sender; what they still know is handed in when this returns, after END_S at most."""
        threads = [*self._commanders.values(), *self._readers] if self._readers else []
        for reader in threads:
            reader.stop()
        deadline = time.monotonic() + END_S
        for reader in threads:
            reader.join(max(0.0, deadline - time.monotonic()))
            if reader.is_alive():
                log.warning("%s does not let go; ending without it", reader.source)
