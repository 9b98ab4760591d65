"""The page /, is everything all right?, and dashboards: /dash, /dash/NAME and their JSON."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from datasette import Request, Response

from ingest.config.home import CARDS, RANGES, HomeCard
from plugins.web.auth.permissions import has_right
from plugins.web.dashboards import HOME, STORED, CardsError, Dashboard, parse_dashboard
from plugins.web.endpoint import Json
from plugins.web.pages.cards.card import Found, ShownCard
from plugins.web.pages.cards.headline import headline
from plugins.web.pages.cards.registry import KINDS, kind_of, make_cards, needed_queries, read_shared
from plugins.web.pages.mutes import read_mutes
from plugins.web.pages.series import figure_label
from plugins.web.pages.ups_series import SAMPLED, WATTS
from plugins.web.query import DATABASE, Row, select
from plugins.web.responses import PageError, needed, page
from plugins.web.site import Site

OF_HEADLINE = ("now", "attention", "outages", "upses", "readers")
DASHBOARDS = "select * from dashboards where name <> 'home' order by title, name"
CHANNEL_IDS = """select id, channel_href from value_latest
  where channel_href in (select value from json_each(:pages))"""
OTHERS = "select name, title from dashboards where name <> 'home' order by title, name"
CHANNELS = 300  # that the form offers; more are typed
CHOICES = {
    "channels": f"""select v.ref || '/' || v.child_id || '/' || v.type as value, v.name as label
      from value_latest v where v.last_at is not null order by v.value is null, v.name
      limit {CHANNELS + 1}""",
    "upses": "select id, name, label from ups where configured order by id",
}
FIGURES = (
    *("input.voltage", "output.voltage", "ups.load", WATTS, "battery.charge", "battery.voltage"),
    *("battery.runtime", "ups.temperature", "input.frequency"),
)


class Group(NamedTuple):
    """Cards that follow each other: one, or several folded ones, which share a frame."""

    folded: bool
    cards: list[ShownCard]


async def home(datasette: Site, request: Request) -> Response:
    """GET /; `arrange`: its cards with the forms that arrange them; `kiosk`: without navigation."""
    return await _show(datasette, request, HOME)


async def dashboard(datasette: Site, request: Request) -> Response:
    """GET /dash/NAME, with the same parameters; /dash/home leads to /."""
    name = request.url_vars["name"]
    if name == HOME:
        return Response.redirect(datasette.root + "/")
    return await _show(datasette, request, name)


async def dashboards(datasette: Site, request: Request) -> Response:
    """GET /dash: all dashboards, and the form that makes one."""
    rows = await select(datasette, DASHBOARDS)
    shown = [await _find(datasette, HOME)]
    shown += [one for row in rows or [] if (one := _parse(datasette, row["name"], row))]
    context = {"slow": rows is None, "dashboards": shown}
    return await page(datasette, request, "pages/dash.html", context)


async def dashboard_json(datasette: Site, request: Request) -> Response:
    """GET /dash/NAME.json: the cards, and where the data of each are."""
    found = await _find(datasette, request.url_vars["name"])
    channels = await _channel_ids(datasette, [one.card for one in found.cards])
    cards = [
        {
            "id": one.id,
            "title": one.card.title or kind_of(one.card).title,
            **one.card.as_dict(),
            "rows": (rows := _rows_of(one.card, channels)) and datasette.root + rows,
        }
        for one in found.cards
    ]
    body = {
        "ok": True,
        "name": found.name,
        "title": found.title,
        "updated_at": found.updated_at,
        "updated_by": found.updated_by,
        "cards": cards,
    }
    return Response.json(body, headers={"cache-control": "no-store"})


async def _channel_ids(site: Site, cards: Iterable[HomeCard]) -> dict[str, int]:
    """Channel as GATEWAY/NODE_ID/CHILD/TYPE -> its id, of those that were heard."""
    pages = json.dumps([f"/nodes/{card.channel}" for card in cards if card.channel])
    rows = await select(site, CHANNEL_IDS, {"pages": pages})
    return {row["channel_href"].removeprefix("/nodes/"): row["id"] for row in rows or []}


def _rows_of(card: HomeCard, channels: Mapping[str, int]) -> str | None:
    """The address of the rows of a card as JSON; None for a channel that was never heard."""
    name, given = card.query or kind_of(card).rows, dict(card.params)
    if card.channel:
        if card.channel not in channels:
            return None
        given["channel"] = str(channels[card.channel])
    if card.figure:
        given |= {"ups": card.ups, "figure": SAMPLED.get(card.figure, card.figure)}
    if card.range:
        given["range"] = card.range
    return f"/telemetry/{name}.json?{urlencode({**given, '_shape': 'array'}, safe='@')}"


async def _find(site: Site, name: str) -> Dashboard:
    """Raises PageError."""
    found = _parse(site, name, needed(await select(site, STORED, {"name": name}))[0])
    if found is None:
        raise PageError(404, f"There is no dashboard {name}: /dash lists them")
    return found


def _parse(site: Site, name: str, row: Row) -> Dashboard | None:
    """A dashboard of its row; one whose row was spoilt has no cards."""
    try:
        return parse_dashboard(site, name, row)
    except CardsError:
        return Dashboard(name, name, ())


async def _show(site: Site, request: Request, name: str) -> Response:
    found = await _find(site, name)
    arranging = "arrange" in request.args
    kiosk = bool(request.args.get("kiosk")) and not arranging
    shared = await read_shared(site, (*OF_HEADLINE, *needed_queries(found.cards)))
    cards = await make_cards(site, request, found.cards, shared)
    context = {
        "dashboard": found,
        "is_home": name == HOME,
        "is_empty": name == HOME and _is_empty(shared),
        "headline": headline(shared),
        "mutes": await read_mutes(site) if name == HOME else [],
        "groups": [Group(False, [card]) for card in cards] if arranging else group(cards),
        "arranging": arranging,
        "charts": [card.data.get("chart") for card in cards],  # for `page`, which offers them as files
        "kiosk": kiosk,
        "others": await select(site, OTHERS),
        "offered": await _offered(site, request) if arranging else None,
        "can_edit": has_right(site, request.actor, "edit"),
    }
    return await page(site, request, "index.html", context)


def _is_empty(found: Found) -> bool:
    """True where nothing was ever read."""
    now = (found["now"] or [{"nodes": 1, "upses": 1}])[0]
    return not now["nodes"] and not now["upses"] and found["readers"] == []


def group(cards: Sequence[ShownCard]) -> list[Group]:
    """The cards with folded ones that follow each other in one group."""
    groups: list[Group] = []
    for card in cards:
        folded = card.size == "folded"
        if folded and groups and groups[-1].folded:
            groups[-1].cards.append(card)
        else:
            groups.append(Group(folded, [card]))
    return groups


async def _offered(site: Site, request: Request) -> Json:
    """What the form adds: (value, label) pairs by group."""
    queries = {
        name: query
        for name, query in (await site.get_canned_queries(DATABASE, request.actor)).items()
        if not query.get("write")
        and await site.permission_allowed(request.actor, "view-query", (DATABASE, name), default=True)
    }
    channels = await select(site, CHOICES["channels"]) or []
    upses = await select(site, CHOICES["upses"]) or []
    groups = {
        "Cards": [(name, f"{KINDS[name].title}: {KINDS[name].about}") for name in CARDS],
        "Canned queries": [(f"query:{name}", query.get("title") or name) for name, query in queries.items()],
        "Sensors": [(f"channel:{row['value']}", row["label"]) for row in channels[:CHANNELS]],
        "UPSes": [
            (f"figure:{ups['name']}/{figure}", f"{ups['label']}: {figure_label(figure)}")
            for ups in upses
            for figure in FIGURES
        ],
    }
    return {"groups": groups, "more": len(channels) > CHANNELS, "ranges": RANGES}
