"""The site: Datasette that knows the config. Handlers and pages get it as their argument `datasette`."""

import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from datasette.app import Datasette, NotFoundExplicit
from datasette.database import Results
from datasette.utils import resolve_env_secrets
from jinja2 import Template
from starlette.types import ASGIApp

from ingest.config.model import Config
from plugins.web.accounts import Accounts
from plugins.web.csv_errors import as_refusal
from plugins.web.endpoint import Json
from plugins.web.open_streams import EventStreams
from plugins.web.row_pages import row_page
from plugins.web.spreadsheet import spreadsheet_links
from plugins.web.table_guard import answer_of, is_hidden
from plugins.web.turns import Turns
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


@dataclass
class Unsent:
    """Bytes of long responses that their clients have not taken yet."""

    bytes: int = 0


class Site(Datasette):
    """Datasette with the config, accounts and maintenance jobs. Secrets are never in its metadata."""

    config: Config
    timezone: str
    root: str  # what stands before every path: '' or such as '/volt'
    accounts: Accounts
    scheduler: Scheduler
    unsent: Unsent
    turns: Turns  # of long work on the event loop
    event_streams: EventStreams
    started: float  # time.monotonic() of the start
    has_config: bool  # False for a plain `datasette`: no accounts, nothing is written
    cache: dict[str, Any]  # Any: what pages keep for some seconds from one request to the next
    _tables_with_rules: set[str] | None  # lowercase names; None until asked
    _table_rules: dict[tuple[str, str], list[Any]]  # of (database, lowercase table). Any: as the metadata

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
        self.unsent = Unsent()
        self.turns = Turns()
        self.event_streams = EventStreams()
        self.started = time.monotonic()
        self.has_config = has_config
        self.cache = {}
        self._tables_with_rules = None
        self._table_rules = {}

    def plugin_config(
        self, plugin_name: str, database: str | None = None, table: str | None = None, fallback: bool = True
    ) -> Any:  # Any: a part of the metadata
        """As Datasette's, with `plugins:` of the config, and the accounts for the plugins that sign in."""
        own = self.config.plugins.get(plugin_name)
        if own and own.config:
            return resolve_env_secrets(own.config, os.environ)
        access = self.config.access
        if plugin_name == "datasette-auth-passwords":
            hashes = {f"{one.name}_password_hash": one.password_hash for one in access.people}
            return {**hashes, "actors": {one.name: {"id": one.name} for one in access.people}}
        if plugin_name == "datasette-auth-tokens":
            return {"tokens": [{"token": one.token, "actor": {"id": one.name}} for one in access.tokens]}
        return super().plugin_config(plugin_name, database, table, fallback)

    def metadata(
        self,
        key: str | None = None,
        database: str | None = None,
        table: str | None = None,
        fallback: bool = True,
    ) -> Json | None:
        """As Datasette's, with queries that can be added to: it would write those of plugins into its own."""
        found = super().metadata(key, database, table, fallback)
        return dict(found) if key == "queries" and found else found

    def _table_permission_allows(self, database: str, table: str) -> list[Any]:  # Any: rules of the metadata
        """As Datasette's, which copies all metadata at each check: here a table's rules are read once."""
        if self._tables_with_rules is None:
            self._tables_with_rules = {
                name.lower()
                for source in self._metadata_sources("tables", database, None)
                for part in (source, *(source.get("databases") or {}).values())
                for name, config in (part.get("tables") or {}).items()
                if (config or {}).get("allow") is not None
            }
        if table.lower() not in self._tables_with_rules:
            return []
        key = database, table.lower()
        if key not in self._table_rules:
            self._table_rules[key] = super()._table_permission_allows(database, table)
        return self._table_rules[key]

    def app(self) -> ASGIApp:
        """The ASGI application inside the layers, the first of which is the outermost."""
        app: ASGIApp = super().app()
        for layer in reversed(self._layers):
            app = layer(app, self)
        return app

    async def render_template(
        self,
        templates: list[str] | str | Template,
        context: Mapping[str, object] | None = None,
        **options: object,
    ) -> str:
        """As Datasette's, which serves each template of a page at its path, too, without our handler.

        Raises NotFoundExplicit for that: such a page comes with `raise_404` in its context.
        """
        if "raise_404" in (context or {}):
            raise NotFoundExplicit("404")
        text: str = await super().render_template(templates, spreadsheet_links(context or {}), **options)
        return text

    async def execute(
        self,
        db_name: str,
        sql: str,
        params: Mapping[str, object] | Sequence[object] | None = None,
        **options: object,
    ) -> Results:
        """As Datasette's; errors in queries of visitors go to the visitor, not to the log."""
        try:
            check_parameters(sql, params, self.timezone)
        except ValueError as error:
            raise as_refusal(sqlite3.OperationalError(str(error))) from error
        try:
            results = await super().execute(db_name, sql, params, **{**options, "log_sql_errors": False})
        except sqlite3.DatabaseError as error:
            raise answer_of(error) if is_hidden(error) else as_refusal(error) from error
        page = row_page.get()
        return page.cut(results) if page and options.get("truncate") else results


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
