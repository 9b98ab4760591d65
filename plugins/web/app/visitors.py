"""What a request asks of the database, as far as Datasette lets its visitors write it themselves."""

import re
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from contextvars import ContextVar
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from datasette.utils import tilde_decode
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plugins.web.app.sql_workers.fair_share import FairShare
from plugins.web.auth.sign_in import address_key
from plugins.web.csv_errors import asks_csv
from plugins.web.endpoint import Json
from plugins.web.query import DATABASE
from plugins.web.saved_queries import is_reading_query
from plugins.web.site import Site

MAX_BYTES = 4 * 2**20  # of the values of one answer, about as JSON
MAX_PAGE_BYTES = 2**19  # the same where they become a page, which takes far more time
# Parameters of a table from which Datasette makes SQL that heeds its time limit. `like`, `glob` and searches
# do not: a pattern may run for minutes inside one instruction of SQLite.
BROWSING = re.compile(
    r"_(size|next|sort|sort_desc|sort_by_desc|facet|facet_size|col|nocol|labels?|shape|json|json_infinity|nl|"
    r"nocount|nofacet|nosuggest|ttl|stream|dl|header|trace|timelimit|hide_sql|show_sql|show_hidden|extras?|"
    r"spreadsheet|chart|edit)"
    r"|(?!_)[^_]+(_[^_]+)*_?(__(exact|not|gte?|lte?|in|notin|isnull|notnull|isblank|notblank))?"
)
REMEMBERED_S = 2.0
UNTIMED = "_stream"  # a download of a whole table: each page of it has the whole time


@dataclass(eq=False)
class Visitor:
    """The request that is being answered."""

    key: str  # whose share of the database it takes
    limit_s: float  # for all its statements together
    writes_sql: bool  # or patterns, or parameters of a canned query
    may_be_cut: bool  # the answer has a mark for rows that are missing
    max_bytes: int
    is_download: bool
    is_large: bool  # may be a page of thousands of rows
    held: ExitStack  # what it gives back when its answer is ready
    found: dict[str, tuple[float, Json]] = field(default_factory=dict)  # name -> what `remembered` keeps
    _has_place: bool = False
    _deadline: float | None = None

    def deadline(self) -> float:
        """When its time is over, a time of `time.monotonic()`. It begins with the first statement."""
        if self._deadline is None:
            self._deadline = time.monotonic() + self.limit_s
        return self._deadline

    async def place(self, share: FairShare, deadline: float) -> ExitStack:
        """A place of `share`, which is kept until the answer is ready: rendering takes memory, too.

        A download has one only within the `with` of this. Raises BusyError.
        """
        now = ExitStack()
        if not self._has_place:
            await share.take(self.key, deadline)
            (now if self.is_download else self.held).callback(share.give_back, self.key)
            self._has_place = not self.is_download
        return now


_visitor: ContextVar[Visitor | None] = ContextVar("visitor", default=None)


def visitor() -> Visitor | None:
    """The request that is being answered here, None outside of one."""
    return _visitor.get()


async def remembered(name: str, find: Callable[[], Awaitable[Json]]) -> Json:
    """What `find` finds, once for a request: Datasette asks for the same at each of its checks.

    Of a response that is open for long it is found again every REMEMBERED_S.
    """
    asking, now = _visitor.get(), time.monotonic()
    if asking is None:
        return await find()
    at, known = asking.found.get(name, (now, None))
    if known is None or now - at > REMEMBERED_S:
        known = await find()
        asking.found[name] = now, known
    return known


def note_visitor(app: ASGIApp, site: Site) -> ASGIApp:
    """Keep in mind, for the statements below, what the request is."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return

        async def send_ready(message: Message) -> None:
            if message["type"] == "http.response.body":
                held.close()  # a client may take its time
            await send(message)

        with ExitStack() as held:
            is_canned = await _is_canned(site, scope)
            _visitor.set(describe(site, scope, held, is_canned))
            asks_csv.set(scope["path"].endswith(".csv"))
            await app(scope, receive, send_ready)

    return inner


def _parts(scope: Scope) -> tuple[list[str], str]:
    """The parts of a path, and its suffix."""
    path, _, suffix = scope["path"].partition(".")
    return [tilde_decode(part) for part in path.strip("/").split("/")], suffix


async def _is_canned(site: Site, scope: Scope) -> bool:
    """True for the page of a query, one that users saved included: its SQL is theirs."""
    parts, _ = _parts(scope)
    return len(parts) == 2 and parts[0] == DATABASE and await is_reading_query(site, parts[1])


def describe(site: Site, scope: Scope, held: ExitStack, is_canned: bool) -> Visitor:
    """What a request is, from its address alone, and whether it is that of a query."""
    parts, suffix = _parts(scope)
    query = scope["query_string"].decode("latin-1")
    names = {name for name, _ in parse_qsl(query, keep_blank_values=True)}
    is_query = is_canned or (len(parts) == 1 and "sql" in names)
    address = address_key(scope)
    is_download = suffix == "csv" and UNTIMED in names
    return Visitor(
        # Canned queries have a share of their own, so that no SQL of the same address stands in their way.
        key=f"canned {address}" if is_canned else address,
        limit_s=float("inf") if is_download else site.sql_time_limit_ms / 1000,
        writes_sql=is_query or "sql" in names or not all(map(BROWSING.fullmatch, names)),
        may_be_cut=is_query and suffix != "csv",
        max_bytes=MAX_BYTES if suffix else MAX_PAGE_BYTES,
        is_download=is_download,
        is_large=not suffix and "_size" in names,
        held=held,
    )
