"""/search: what the site has, found by words; /search.json for programs."""

import sqlite3
from collections.abc import Iterator

from datasette import Request, Response

from plugins.web.compat import described_tables, registered_routes
from plugins.web.endpoint import Json, endpoints_of, shown_path
from plugins.web.pages.directory import first_sentence
from plugins.web.prefix import rooted
from plugins.web.query import DATABASE
from plugins.web.responses import PageError, json_errors, page
from plugins.web.site import Site
from reporting.search import (
    SOURCES,
    FoundGroup,
    SearchEntry,
    SearchError,
    matching,
    parse_words,
    ranked,
    search,
)

SHOWN = 6  # entries of a group beside others
LIMIT_S = 0.5
OF_SITE = {"queries": "Queries", "pages": "Pages", "tables": "Tables and views"}
KINDS = {key: source.title for key, source in SOURCES.items()} | OF_SITE


async def search_page(datasette: Site, request: Request) -> Response:
    """GET /search. Without words it says what is searched."""
    text, kind = request.args.get("q") or "", request.args.get("in") or ""
    try:
        groups = await _find(datasette, request, text)
    except SearchError as error:
        raise PageError(400, str(error), "Search") from None
    context = {
        "text": text.strip(),
        "groups": [group for group in groups or [] if kind in ("", group.key)],
        "searched": groups is not None,
        "kind": kind if kind in KINDS else "",
        "kinds": KINDS,
        "most": None if kind in KINDS else SHOWN,
    }
    return await page(datasette, request, "pages/search.html", context)


async def search_json(datasette: Site, request: Request) -> Response:
    """GET /search.json: all that was found."""
    text, kind = request.args.get("q") or "", request.args.get("in") or ""
    if kind and kind not in KINDS:
        return json_errors(400, f"in is {kind[:40]!r}: needed is one of {', '.join(KINDS)}")
    try:
        groups = await _find(datasette, request, text)
    except SearchError as error:
        return json_errors(400, str(error))
    if groups is None:
        return json_errors(400, "q is needed: words to search for")
    found = [_as_json(datasette, group) for group in groups if kind in ("", group.key)]
    return Response.json({"ok": True, "q": text, "groups": found})


def _as_json(site: Site, group: FoundGroup) -> Json:
    return {
        "in": group.key,
        "title": group.title,
        "more": group.is_cut,
        "results": [
            {
                "title": one.title,
                "about": one.about,
                "href": rooted(site.root, one.href),
                "at": one.at or None,
            }
            for one in group.found
        ],
    }


async def _find(site: Site, request: Request, text: str) -> list[FoundGroup] | None:
    """The groups in which something was found; None without words. Raises SearchError."""
    words = parse_words(text)
    if not words:
        return None

    def read(connection: sqlite3.Connection) -> list[FoundGroup]:
        return search(connection, words, LIMIT_S)

    groups: list[FoundGroup] = await site.get_database(DATABASE).execute_fn(read)
    queries = await site.get_canned_queries(DATABASE, request.actor)
    for key, entries in (
        ("queries", _queries(queries)),
        ("pages", _pages(site)),
        ("tables", _tables(site, request)),
    ):
        if found := ranked(matching(entries, words), words):
            groups.append(FoundGroup(key, OF_SITE[key], found))
    return groups


def _queries(queries: Json) -> Iterator[SearchEntry]:
    for name, query in queries.items():
        about = query.get("description") or ""
        yield SearchEntry(
            query.get("title") or name, first_sentence(about), f"/{DATABASE}/{name}", more=f"{name} {about}"
        )


def _pages(site: Site) -> Iterator[SearchEntry]:
    """The pages whose address is one alone, by the titles that /api gives them."""
    for pattern, _ in registered_routes(site):
        path = shown_path(pattern)
        for endpoint in endpoints_of(pattern):
            if endpoint.answer == "page" and endpoint.method == "GET" and path.islower() | (path == "/"):
                yield SearchEntry(endpoint.title, path, path)


def _tables(site: Site, request: Request) -> Iterator[SearchEntry]:
    """Those that the page of the database lists for this reader."""
    for name, about in described_tables(site).items():
        if not about.get("hidden") and (request.actor or "allow" not in about):
            text = about.get("description") or ""
            yield SearchEntry(
                about.get("title") or name, first_sentence(text), f"/{DATABASE}/{name}", more=f"{name} {text}"
            )
