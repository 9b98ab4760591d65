"""Every source of UPSes that one ingest process reads: their threads, their health, and the store they feed."""

import logging
import time

from ingest.must.reader import MustReader
from ingest.nut.reader import NutReader
from ingest.status import Health
from ingest.ups.registry import register, sources_of
from ingest.ups.store import UpsStore
from ingest.ups.tariffs import save_tariffs

log = logging.getLogger(__name__)

END_S = 3.0


class UpsSources:
    """The NUT servers and EP20s of a config that are in `names`. `names` and `healths` are in the order of the config."""

    def __init__(self, config, names, connection):
        every = list(sources_of(config))
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
        self._readers = []

    def start(self, writer):
        """Begin to read; what comes is put into the writer for the store."""

        def hand(item):
            writer.put(self.store, item)

        for one, health in zip(self._configs, self.healths):
            known = self.store.names(one.name)
            if self._drivers[one.name] == "nut":
                reader = NutReader(one, health, hand, known)
            else:
                own = self._settings.get(one.name)
                low = own.limits.charge_min if own else None
                reader = MustReader(one, health, hand, 20.0 if low is None else low)
            self._readers.append(reader)
            reader.start()

    def stop(self):
        """End every reader; what they still know is handed in when this returns, after END_S at most."""
        for reader in self._readers:
            reader.stop()
        deadline = time.monotonic() + END_S
        for reader in self._readers:
            reader.join(max(0.0, deadline - time.monotonic()))
            if reader.is_alive():
                log.warning("%s does not let go; ending without it", reader.source)
