"""The web server under the site, which systemd can watch."""

import asyncio
import logging
import sqlite3

import uvicorn
from datasette.database import QueryInterrupted

from ingest.process.systemd import READY, STOPPING, feed_watchdog, notify

log = logging.getLogger(__name__)


class WatchedServer(uvicorn.Server):
    """uvicorn that tells systemd when the site answers, that it lives, and when it stops."""

    def __init__(self, site, config):
        super().__init__(config)
        self._site = site
        self._feeding = None

    async def startup(self, sockets=None):
        await super().startup(sockets)
        if self.started:
            self._feeding = asyncio.create_task(feed_watchdog(self._lives))
            notify(READY)

    async def shutdown(self, sockets=None):
        notify(STOPPING)
        if self._feeding:
            self._feeding.cancel()
        await super().shutdown(sockets)

    async def _lives(self, seconds):
        """True when the threads that read the database answer in time."""
        try:
            async with asyncio.timeout(seconds):
                await self._site.get_database("telemetry").execute("select 1")
        except TimeoutError:
            return False
        except (sqlite3.Error, QueryInterrupted) as error:
            log.error("the database cannot be read: %s", error)
        return True
