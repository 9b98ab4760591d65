"""Bounds on what stands after the `?`, before Datasette's regular expressions read it on the event loop."""

import re
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Receive, Scope, Send

from plugins.web.responses import json_errors
from plugins.web.site import Site

MAX_PARAMETERS = 200
MAX_NAME = 200  # characters
MAX_VALUE = 4_000
MAX_SQL = 20_000
MAX_COMMENTS = 1_000
SQL = ("sql", "_where")
LEADING = re.compile(r"\s+|(?P<comment>--[^\n]*(?:\n|\Z)|/\*(?s:.*?)\*/)")


def bound_query(app: ASGIApp, site: Site) -> ASGIApp:
    """Refuse a query string that is too long, and shorten what stands before the first word of SQL."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["query_string"]:
            pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
            if problem := find_problem(pairs):
                await json_errors(400, problem).asgi_send(send)
                return
            collapsed = [(name, collapse(value) if name == "sql" else value) for name, value in pairs]
            if collapsed != pairs:
                scope = {**scope, "query_string": urlencode(collapsed).encode()}
        await app(scope, receive, send)

    return inner


def find_problem(pairs: list[tuple[str, str]]) -> str | None:
    """What is too long, and how much is taken; None where all fits."""
    if len(pairs) > MAX_PARAMETERS:
        return f"The address has {len(pairs)} parameters: {MAX_PARAMETERS} are taken."
    for name, value in pairs:
        if len(name) > MAX_NAME:
            return f"The name of a parameter has {len(name)} characters: {MAX_NAME} are taken."
        limit = MAX_SQL if name in SQL else MAX_VALUE
        if len(value) > limit:
            return f"The parameter {name} has {len(value)} characters: {limit} are taken."
    return None


def collapse(sql: str) -> str:
    """The SQL without blanks before and between its first comments, and without these where they are long.

    Datasette skips them with regular expressions whose time grows with the square of the blanks.
    """
    comments, position = [], 0
    while found := LEADING.match(sql, position):
        position = found.end()
        if found["comment"]:
            comments.append(found["comment"])
    leading = "".join(comments)
    return (leading if len(leading) <= MAX_COMMENTS else "") + sql[position:]
