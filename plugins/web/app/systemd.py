"""The web server under the site, which systemd can watch."""

import asyncio
import logging
import socket
import sqlite3

import uvicorn
from datasette.database import QueryInterrupted

from ingest.process.systemd import READY, STOPPING, feed_watchdog, notify
from plugins.web.app.connections import Connections
from plugins.web.app.file_watch import watch_file
from plugins.web.query import DATABASE
from plugins.web.site import Site

log = logging.getLogger(__name__)


class WatchedServer(uvicorn.Server):
    """uvicorn that notifies systemd when the site answers, while it is responsive, and when it stops."""

    def __init__(self, site: Site, config: uvicorn.Config, connections: Connections) -> None:
        super().__init__(config)
        self._site = site
        self._connections = connections
        self.failed = False  # it has ended by itself
        self._tasks: list[asyncio.Task[None]] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, to feed the watchdog and to end slow connections."""
        await super().startup(sockets)
        if self.started:
            work = (
                feed_watchdog(self._is_responsive),
                self._connections.watch(),
                watch_file(self._site.config.database, self._database_gone),
            )
            self._tasks = [asyncio.create_task(one) for one in work]
            notify(READY)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop."""
        notify(STOPPING)
        for task in self._tasks:
            task.cancel()
        await self._site.event_streams.stop()
        await super().shutdown(sockets)

    def _database_gone(self) -> None:
        self.should_exit = self.failed = True

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
