"""Routes that describe themselves: an Endpoint for each method, which the page /api lists."""

import re
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from ingest.orders.outcome import Json

GROUP = re.compile(r"\(\?P<(\w+)>(?:[^()\\]|\\.)*\)")
PATH_PART = re.compile(r"(?<![A-Za-z0-9_])[A-Z][A-Z_]*(?![A-Za-z0-9_])")  # of `shown_path`: NODE_ID
NOTHING: Mapping[str, str] = MappingProxyType({})

# Datasette passes a handler what its parameter names ask for.
Handler: TypeAlias = Callable[..., Awaitable[Any]]  # Any: a response has no common type
Route: TypeAlias = tuple[str, Handler]  # as `register_routes` wants it


class Endpoint(NamedTuple):
    """A method of an address and what it does.

    `right` is `read`, `signed-in`, one of RIGHTS, or None where none is needed.
    `fields` are name -> meaning; `example` and `at` (parts of the path) are values that are right on this
    site, where {node}, {ups} ... (`plugins.web.pages.api.samples`) stand for what there is. A value that
    begins with @ is a file. `answer` is JSON, page, text, CSV, Atom, calendar, file or stream.
    """

    title: str
    description: str = ""
    method: str = "GET"
    right: str | None = "read"
    fields: Mapping[str, str] = NOTHING
    example: Mapping[str, str] = NOTHING
    at: Mapping[str, str] = NOTHING
    answer: str = "JSON"
    statuses: tuple[
        int, ...
    ] = ()  # that it answers with; 200 unless given, and what each may be refused with

    def as_json(self) -> Json:
        """As /api.json lists it."""
        return {
            "title": self.title,
            "words": self.description,
            "method": self.method,
            "right": self.right,
            "fields": dict(self.fields),
            "example": dict(self.example),
            "at": dict(self.at),
            "answer": self.answer,
        }


UNDOCUMENTED = Endpoint("Not described yet", right=None)

BY_QUERY = Endpoint("A writable canned query; each is listed by itself", method="POST", right="edit")

_endpoints: dict[str, tuple[Endpoint, ...]] = {}  # by pattern of the route
_posts: dict[str, re.Pattern[str]] = {}


def documented_route(pattern: str, handler: Handler, *endpoints: Endpoint) -> Route:
    """A route for `register_routes` with its description: an Endpoint for each method.

    One that has a POST takes forms, and its handler calls `read_form`, which checks the CSRF token.
    """
    status = getattr(getattr(handler, "__self__", None), "status", None)  # an Action knows its own
    _endpoints[pattern] = tuple(
        one._replace(statuses=(status,)) if status and one.method == "POST" and not one.statuses else one
        for one in endpoints
    )
    if any(one.method == "POST" for one in endpoints):
        _posts[pattern] = re.compile(pattern)
    return pattern, handler


def takes_post(path: str) -> bool:
    """True when a route of `documented_route` that has a POST matches this path."""
    return any(pattern.match(path) for pattern in _posts.values())


def shown_path(pattern: str) -> str:
    r"""A pattern as people read it: `^/nodes/(?P<gateway>[^/]+)$` as /nodes/GATEWAY."""
    bare = pattern.removeprefix("^").removesuffix("$")
    return GROUP.sub(lambda match: match[1].upper(), bare).replace("\\", "")


def endpoints_of(pattern: str) -> tuple[Endpoint, ...]:
    """The Endpoints of a registered pattern; UNDOCUMENTED for a route that has none."""
    return _endpoints.get(pattern) or (UNDOCUMENTED,)
