"""The web server under the site, which systemd can watch."""

import asyncio
import logging
import socket
import sqlite3

import uvicorn
from datasette.database import QueryInterrupted

from ingest.process.systemd import READY, STOPPING, feed_watchdog, notify
from plugins.web.query import DATABASE
from plugins.web.site import Site

log = logging.getLogger(__name__)


class WatchedServer(uvicorn.Server):
    """uvicorn that notifies systemd when the site answers, while it is responsive, and when it stops."""

    def __init__(self, site: Site, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._site = site
        self._watchdog: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and to feed the watchdog."""
        await super().startup(sockets)
        if self.started:
            self._watchdog = asyncio.create_task(feed_watchdog(self._is_responsive))
            notify(READY)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop."""
        notify(STOPPING)
        if self._watchdog:
            self._watchdog.cancel()
        await super().shutdown(sockets)

    async def _is_responsive(self, limit_s: float) -> bool:
        """True when the threads that read the database answer in time."""
        try:
            async with asyncio.timeout(limit_s):
                await self._site.get_database(DATABASE).execute("select 1")
        except TimeoutError:
            return False
        except (sqlite3.Error, QueryInterrupted) as error:
            log.error("the database cannot be read: %s", error)
        return True
