"""Searching what a site has, by words: things by their names, what is now, and the newest events and texts.

Texts are compared here, since SQLite knows neither accents nor words in any order. So only small tables are
read, and of those that grow the newest rows; messages are not searched.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote

from ingest.mysensors.protocol import SetReq
from ingest.ups.variables import full_label
from reporting.canned_queries import is_interrupt
from reporting.folding import fold
from reporting.formatting import format_length
from reporting.message_text import sensor_kind, value_name

LONGEST = 200  # characters of a search
MOST_WORDS = 10
MOST_FOUND = 200  # entries of one group
MOST_THINGS = 20_000  # rows of a table that are read
MOST_EVENTS = 5_000  # the newest
MOST_TEXTS, MOST_TEXT_CHANNELS = 200, 50  # the newest values of a channel, and channels
CHECK_EVERY = 1000  # instructions of SQLite between two looks at the clock


class SearchError(ValueError):
    """Why a search is not made, with a message for people."""


class SearchEntry(NamedTuple):
    """What may be found: `title` and `about` are shown, `more` is searched besides. `at` is UTC, or empty."""

    title: str
    about: str
    href: str
    at: str = ""
    more: str = ""


class FoundGroup(NamedTuple):
    """What was found of one kind. `is_cut`: there may be more than was looked at."""

    key: str
    title: str
    found: Sequence[SearchEntry]
    is_cut: bool = False


def parse_words(text: str) -> list[str]:
    """The words of a search, ready to compare; none for a blank one. Raises SearchError."""
    if len(text) > LONGEST:
        raise SearchError(f"The search has {len(text)} characters: {LONGEST} are taken.")
    words = list(dict.fromkeys(word for one in fold(text).split() if (word := one.strip('"'))))
    if len(words) > MOST_WORDS:
        raise SearchError(f"The search has {len(words)} words: {MOST_WORDS} are taken.")
    return words


def matching(entries: Iterable[SearchEntry], words: Sequence[str]) -> Iterator[SearchEntry]:
    """Yield the entries in which every word stands somewhere, whatever case, accents and order."""
    for entry in entries:
        text = fold(f"{entry.title}\n{entry.about}\n{entry.more}")
        if all(word in text for word in words):
            yield entry


def _nodes(connection: sqlite3.Connection) -> Iterator[SearchEntry]:
    rows = connection.execute(
        f"""select n.name, coalesce(n.sketch_name, ''), coalesce(n.sketch_version, ''), n.location, g.name,
          n.node_id, n.retired_at from nodes n join gateways g on g.id = n.gateway
        order by n.retired_at is not null, n.name limit {MOST_THINGS}"""
    )
    for name, sketch, version, location, gateway, node_id, retired_at in rows:
        known = (f"{sketch} {version}".strip(), location, "retired" if retired_at else "")
        about = " · ".join((f"{gateway}/{node_id}", *filter(None, known)))
        yield SearchEntry(name, about, f"/nodes/{quote(gateway)}/{node_id}")


def _gateways(connection: sqlite3.Connection) -> Iterator[SearchEntry]:
    for name, address, version in connection.execute(
        "select name, address, coalesce(version, '') from gateways order by name"
    ):
        about = " · ".join(filter(None, (f"gateway, {address}", version and f"MySensors {version}")))
        yield SearchEntry(name, about, f"/nodes?gateway={quote(name)}")


def _values(connection: sqlite3.Connection) -> Iterator[SearchEntry]:
    rows = connection.execute(
        f"""select coalesce(c.name, s.name), coalesce(s.type_name, ''), coalesce(c.type_name, ''),
          coalesce(s.description, ''), s.child_id, n.node_id, g.name, n.location,
          case when c.value is null then coalesce(c.text, '') else '' end
        from sensors s join nodes n on n.id = s.node join gateways g on g.id = n.gateway
        left join channels c on c.sensor = s.id
        order by n.retired_at is not null, s.id, c.id limit {MOST_THINGS}"""
    )
    for name, kind, value, description, child_id, node_id, gateway, location, text in rows:
        node = f"/nodes/{quote(gateway)}/{node_id}"
        kinds = dict.fromkeys((value_name(value) if value else "", sensor_kind(kind or None)))
        about = ", ".join(filter(None, kinds)) + (f": {text}" if text else "")
        more = f"{kind} {value} {description} {location} {gateway}/{node_id}/{child_id}"
        yield SearchEntry(name, about, f"{node}/{child_id}/{value}" if value else node, more=more)


def _upses(connection: sqlite3.Connection) -> Iterator[SearchEntry]:
    rows = connection.execute(
        """select label, name, coalesce(mfr, ''), coalesce(model, ''), coalesce(serial, ''), location, driver
        from ups order by configured desc, label"""
    )
    for label, name, mfr, model, serial, location, driver in rows:
        about = " · ".join(filter(None, (name, f"{mfr} {model}".strip(), location)))
        yield SearchEntry(label or name, about, f"/ups/{quote(name, safe='@')}", more=f"{serial} {driver}")


def _variables(connection: sqlite3.Connection) -> Iterator[SearchEntry]:
    rows = connection.execute(
        f"""select u.label, u.name, v.variable, v.value, v.changed_at from ups_variables v
        join ups u on u.id = v.ups order by u.label, v.variable limit {MOST_THINGS}"""
    )
    for label, ups, variable, value, changed_at in rows:
        name = full_label(variable)
        href = f"/ups/{quote(ups, safe='@')}/{quote(variable)}"
        more = f"{variable} {ups}"
        yield SearchEntry(f"{label or ups}: {name}", f"{variable} = {value}", href, changed_at, more)


def _events(connection: sqlite3.Connection) -> Iterator[SearchEntry]:
    rows = connection.execute(
        f"""select id, event, label, words, name, started_at, ended_at, seconds, detail from all_events
        order by id desc limit {MOST_EVENTS}"""
    )
    for number, event, label, text, name, started_at, ended_at, seconds, detail in rows:
        is_outage = event == "ONBATT"
        href = f"/outages/{number}" if is_outage else f"/telemetry/events/{number}"
        lasted = f"outage of {format_length(seconds)}" if ended_at else "outage, ongoing"
        about = ", ".join(filter(None, (lasted if is_outage else "", detail)))
        yield SearchEntry(f"{label} {text}", about, href, started_at, f"{event} {name}")


def _texts(connection: sqlite3.Connection) -> Iterator[SearchEntry]:
    channels = connection.execute(
        f"""select c.id, c.name, c.type_name, s.child_id, n.node_id, g.name from channels c
        join sensors s on s.id = c.sensor join nodes n on n.id = c.node join gateways g on g.id = n.gateway
        where c.type = {SetReq.V_TEXT:d} order by c.last_at desc limit {MOST_TEXT_CHANNELS}"""
    ).fetchall()
    for channel, name, kind, child_id, node_id, gateway in channels:
        href, said = f"/nodes/{quote(gateway)}/{node_id}/{child_id}/{kind}", set()
        for text, received_at in connection.execute(
            "select text, received_at from readings where channel = ? order by received_at desc limit ?",
            (channel, MOST_TEXTS),
        ):
            if text not in said:  # the newest of equal ones
                said.add(text)
                yield SearchEntry(text, name, href, received_at)


class SearchSource(NamedTuple):
    """A kind of entries in the database."""

    title: str
    read: Callable[[sqlite3.Connection], Iterator[SearchEntry]]
    is_ranked: bool = True  # else the order of the rows stays: newest first


SOURCES: Mapping[str, SearchSource] = {
    "nodes": SearchSource("Nodes", _nodes),
    "gateways": SearchSource("Gateways", _gateways),
    "values": SearchSource("Sensors and values", _values),
    "upses": SearchSource("UPSes", _upses),
    "variables": SearchSource("Variables of UPSes", _variables),
    "events": SearchSource("Events", _events, is_ranked=False),
    "texts": SearchSource("Texts that nodes sent", _texts, is_ranked=False),
}


def search(connection: sqlite3.Connection, words: Sequence[str], limit_s: float) -> list[FoundGroup]:
    """What was found in the database by kind, kinds without an entry left out; `limit_s` seconds in all."""
    deadline = time.monotonic() + limit_s
    connection.set_progress_handler(lambda: int(time.monotonic() >= deadline), CHECK_EVERY)
    try:
        groups = [_search_in(key, source, connection, words, deadline) for key, source in SOURCES.items()]
    finally:
        connection.set_progress_handler(None, 0)
    return [group for group in groups if group.found or group.is_cut]


def _search_in(
    key: str, source: SearchSource, connection: sqlite3.Connection, words: Sequence[str], deadline: float
) -> FoundGroup:
    found: list[SearchEntry] = []
    is_cut = False
    try:
        for entry in matching(source.read(connection), words):
            is_cut = len(found) >= MOST_FOUND or time.monotonic() > deadline
            if is_cut:
                break
            found.append(entry)
    except sqlite3.OperationalError as error:
        if not is_interrupt(error):
            raise
        is_cut = True
    return FoundGroup(key, source.title, ranked(found, words) if source.is_ranked else found, is_cut)


def ranked(entries: Iterable[SearchEntry], words: Sequence[str]) -> list[SearchEntry]:
    """Those with all words in their title first; among these, the shortest title."""

    def rank(entry: SearchEntry) -> tuple[bool, int]:
        title = fold(entry.title)
        is_named = all(word in title for word in words)
        return not is_named, len(title) if is_named else 0

    return sorted(entries, key=rank)
