"""The site: Datasette that knows the config. Handlers and pages get it as their argument `datasette`."""

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from datasette.app import Datasette
from datasette.database import Results
from starlette.types import ASGIApp

from ingest.config.model import Config
from plugins.web.accounts import Accounts
from plugins.web.image_guard import is_guarded
from reporting.sql_functions import check_parameters

Layer = Callable[[ASGIApp, "Site"], ASGIApp]


class Scheduler(Protocol):
    """Runs maintenance jobs while the server runs."""

    def start(self) -> None:
        """Begin, on the running loop."""

    def wake(self) -> None:
        """Look for due jobs now: one was asked for."""

    async def end(self) -> None:
        """Stop."""


class Site(Datasette):
    """Datasette with the config, accounts and maintenance jobs. Secrets are never in its metadata."""

    config: Config
    timezone: str
    root: str  # what stands before every path: '' or such as '/volt'
    accounts: Accounts
    scheduler: Scheduler
    started: float  # time.monotonic() of the start
    has_config: bool  # False for a plain `datasette`: no accounts, nothing is written
    cache: dict[str, Any]  # Any: what pages keep for some seconds from one request to the next

    def __init__(
        self,
        config: Config,
        secret: str,
        scheduler: Scheduler,
        layers: Sequence[Layer] = (),
        **options: Any,  # Any: Datasette's own
    ) -> None:
        self._layers = tuple(layers)
        self.scheduler = scheduler
        self._set_up(config, secret, has_config=True)
        super().__init__([], secret=secret, **options)

    def _set_up(self, config: Config, secret: str, has_config: bool) -> None:
        self.config, self.timezone, self.root = config, config.timezone, config.web.base_url.rstrip("/")
        self.accounts = Accounts(config.access, secret)
        self.started = time.monotonic()
        self.has_config = has_config
        self.cache = {}

    def plugin_config(
        self, plugin_name: str, database: str | None = None, table: str | None = None, fallback: bool = True
    ) -> Any:  # Any: a part of the metadata
        """As Datasette's, with the accounts for the two plugins that sign people and programs in."""
        access = self.config.access
        if plugin_name == "datasette-auth-passwords":
            hashes = {f"{one.name}_password_hash": one.password_hash for one in access.people}
            return {**hashes, "actors": {one.name: {"id": one.name} for one in access.people}}
        if plugin_name == "datasette-auth-tokens":
            return {"tokens": [{"token": one.token, "actor": {"id": one.name}} for one in access.tokens]}
        return super().plugin_config(plugin_name, database, table, fallback)

    def app(self) -> ASGIApp:
        """The ASGI application inside the layers, the first of which is the outermost."""
        app: ASGIApp = super().app()
        for layer in reversed(self._layers):
            app = layer(app, self)
        return app

    async def execute(
        self,
        db_name: str,
        sql: str,
        params: Mapping[str, object] | Sequence[object] | None = None,
        **options: Any,  # Any: Datasette's own
    ) -> Results:
        """As Datasette's; errors in queries of visitors go to the visitor, not to the log."""
        try:
            check_parameters(sql, params, self.timezone)
        except ValueError as error:
            raise sqlite3.OperationalError(str(error)) from error
        try:
            return await super().execute(db_name, sql, params, **{**options, "log_sql_errors": False})
        except sqlite3.DatabaseError as error:
            if is_guarded(error):
                raise sqlite3.OperationalError("the bytes of firmware images are not shown") from error
            raise


def site_of(datasette: Datasette) -> Site:
    """The Datasette that a hook was given, as our Site.

    Here alone is decided what a plain `datasette --plugins-dir plugins telemetry.db` gets: the site of an
    empty config, open to read and without writing; routes that need rights are not registered (`has_config`).
    """
    if not isinstance(datasette, Site):
        datasette.__class__ = Site
        datasette._layers = ()
        datasette._set_up(Config(timezone="UTC"), "", has_config=False)
    site: Site = datasette
    return site
