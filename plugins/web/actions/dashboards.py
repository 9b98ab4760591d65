"""/-/dashboards: dashboards and the home page are arranged, made and deleted."""

import re
import sqlite3
import time
from dataclasses import replace

from ingest.config.home import CARDS, LONGEST, MOST_CARDS, RANGES, SIZES, HomeCard
from ingest.db.time import format_utc
from ingest.orders.outcome import Done, RefusedError
from plugins.web.actions.action import Action, Submission
from plugins.web.compat import or_other_plugin
from plugins.web.dashboards import (
    HOME,
    MOST,
    CardsError,
    Dashboard,
    Placed,
    parse_card,
    parse_cards,
    read_dashboard,
    save_dashboard,
)
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.forms import Fields
from plugins.web.site import Site

NAME = re.compile(r"[a-z0-9_-]{1,40}")
NAME_HELP = "1 to 40 small letters, digits, - and _"
TOPIC = "dashboards"
CHANGES = ("add", "up", "down", "move", "size", "remove")
CHANGE_HELP = ", ".join(CHANGES)
CARD_HELP = (
    f"to add: one of {', '.join(CARDS)}; query:NAME; channel:GATEWAY/NODE_ID/CHILD/TYPE; "
    "figure:UPS/VARIABLE. Otherwise the id of the card"
)
OF_DATA = ("query", "channel")  # what may stand before the colon


def _find(connection: sqlite3.Connection, site: Site, name: str) -> Dashboard:
    """The dashboard of a name. Raises RefusedError."""
    try:
        found = read_dashboard(connection, site, name)
    except CardsError:  # the row was spoilt: it is written anew
        found = Dashboard(name, name, ())
    if found is None:
        raise RefusedError(404, f"There is no dashboard {name}", subject=name)
    return found


def _save(connection: sqlite3.Connection, dashboard: Dashboard, actor: str) -> None:
    try:
        save_dashboard(connection, dashboard, actor, format_utc(time.time()))
    except CardsError as error:
        raise RefusedError(409, str(error), subject=dashboard.name) from None


def _title(fields: Fields, otherwise: str) -> str:
    title = " ".join(fields.text("title").split()) or otherwise
    if len(title) > LONGEST:
        raise RefusedError(400, f"title is longer than {LONGEST} characters")
    return title


def _cards(fields: Fields, otherwise: tuple[Placed, ...]) -> tuple[Placed, ...]:
    if not fields.text("cards"):
        return otherwise
    try:
        return parse_cards(fields.text("cards"))
    except CardsError as error:
        raise RefusedError(400, str(error)) from None


def _create(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    """Fields `name`, `title`, `cards`."""
    name = form.fields.required("name", NAME_HELP).lower()
    if not NAME.fullmatch(name):
        raise RefusedError(400, f"{name!r} is not a name of a dashboard: {NAME_HELP}", subject=name)
    if name == HOME or connection.execute("select 1 from dashboards where name = ?", (name,)).fetchone():
        raise RefusedError(409, f"There is a dashboard {name} already", subject=name)
    count = connection.execute("select count(*) from dashboards where name <> ?", (HOME,)).fetchone()[0]
    if count >= MOST:
        raise RefusedError(409, f"There are {count} dashboards: at most {MOST}", subject=name)
    made = Dashboard(name, _title(form.fields, name), _cards(form.fields, ()))
    _save(connection, made, form.actor)
    return Done(f"Dashboard {made.title} made", name, {"name": name, "href": made.href})


def _replace(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    """Fields `title`, `cards`: what is given is replaced."""
    before = _find(connection, form.site, form.path["name"])
    if not form.fields.given("title", "cards"):
        raise RefusedError(400, "title or cards is needed", subject=before.name)
    after = replace(before, title=_title(form.fields, before.title), cards=_cards(form.fields, before.cards))
    _save(connection, after, form.actor)
    return Done(f"{after.title} is saved", after.name, {"name": after.name, "href": after.href})


def _change(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    """Fields `change` and `card`; `to` (a place, from 1), `size`, `range`, `title`."""
    fields = form.fields
    before = _find(connection, form.site, form.path["name"])
    change = fields.required("change", CHANGE_HELP, before.name)
    if change not in CHANGES:
        raise RefusedError(400, f"change is {change!r}, needed is one of {CHANGE_HELP}", subject=before.name)
    try:
        after, message = _changed(before, change, fields)
    except CardsError as error:
        raise RefusedError(400, str(error), subject=before.name) from None
    _save(connection, after, form.actor)
    cards = [{"id": one.id, **one.card.as_dict()} for one in after.cards]
    return Done(message, after.name, {"name": after.name, "cards": cards})


def _changed(before: Dashboard, change: str, fields: Fields) -> tuple[Dashboard, str]:
    if change == "add":
        card = card_of(fields)
        return before.placed(card), f"{_called(card)} is added"
    place = before.find(fields.number("card", 10**9))
    if place is None:
        text = f"{before.title} has no card {fields.text('card')}: it was taken away meanwhile"
        raise RefusedError(404, text, subject=before.name)
    name = _called(before.cards[place].card)
    if change == "remove":
        return before.without(place), f"{name} is removed"
    if change == "size":
        size = fields.required("size", ", ".join(SIZES), before.name)
        return before.resized(place, size), f"{name} is {size} now"
    to = fields.number("to", MOST_CARDS) - 1 if change == "move" else place + (-1 if change == "up" else 1)
    after = before.moved(place, max(0, to))
    return after, f"{name} is card {(after.find(before.cards[place].id) or 0) + 1} of {len(after.cards)} now"


def card_of(fields: Fields) -> HomeCard:
    """The card that a form adds. Raises CardsError and RefusedError."""
    more = fields.given("size", "range", "title")
    if fields.text("channel"):
        return parse_card({"channel": fields.text("channel"), **more})
    text = fields.required("card", CARD_HELP)
    kind, colon, what = text.partition(":")
    if not colon:
        return parse_card({"card": text, **more})
    if kind == "figure":
        ups, _, figure = what.rpartition("/")
        return parse_card({"ups": ups, "figure": figure, **more})
    if kind not in OF_DATA:
        raise RefusedError(400, f"{text!r} is no card: {CARD_HELP}")
    return parse_card({kind: what, **more})


def _called(card: HomeCard) -> str:
    """What messages call a card."""
    of_data = card.query or card.channel or f"{card.figure} of {card.ups}"
    return card.title or (f"The card {card.card}" if card.card else f"The card of {of_data}")


def _delete(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    """Of the home page it takes away what was arranged on pages."""
    name = form.path["name"]
    if not connection.execute("delete from dashboards where name = ?", (name,)).rowcount:
        text = "The home page is as the config has it" if name == HOME else f"There is no dashboard {name}"
        raise RefusedError(404, text, subject=name)
    message = (
        "The home page is as the config has it again" if name == HOME else f"Dashboard {name} is deleted"
    )
    return Done(message, name, {"name": name})


CREATE = Action("make dashboard", "edit", _create, status=201, after="/dash", topics=(TOPIC,))
REPLACE = Action("change dashboard", "edit", _replace, after="/dash", topics=(TOPIC,))
CHANGE = Action("arrange dashboard", "edit", _change, after="/dash", topics=(TOPIC,))
DELETE = Action("delete dashboard", "edit", _delete, after="/dash", topics=(TOPIC,))
AT = {"NAME": "home"}
FIELDS = {
    "title": f"at most {LONGEST} characters",
    "cards": f"JSON: at most {MOST_CARDS} cards as in config.yml, such as "
    '["tiles", {"query": "stale_nodes"}]',
}

ROUTES = (
    documented_route(
        r"^/-/dashboards$",
        or_other_plugin(CREATE.post),
        Endpoint(
            "Make a dashboard",
            f"A row of dashboards, at most {MOST}. Its page is /dash/NAME.",
            "POST",
            "edit",
            {"name": NAME_HELP, **FIELDS},
            {"name": "cellar", "title": "Cellar", "cards": '["tiles", {"query": "stale_nodes"}]'},
        ),
    ),
    documented_route(
        r"^/-/dashboards/(?P<name>[a-z0-9_-]{1,40})$",
        or_other_plugin(REPLACE.post),
        Endpoint(
            "Rename a dashboard, or replace its cards",
            "The home page is the dashboard home.",
            "POST",
            "edit",
            FIELDS,
            {"cards": '["tiles", "power", "attention"]'},
            AT,
        ),
    ),
    documented_route(
        r"^/-/dashboards/(?P<name>[a-z0-9_-]{1,40})/cards$",
        CHANGE.post,
        Endpoint(
            "Add, move, size or remove a card",
            "",
            "POST",
            "edit",
            {
                "change": CHANGE_HELP,
                "card": CARD_HELP,
                "channel": "to add, in place of card: GATEWAY/NODE_ID/CHILD/TYPE",
                "to": "of move: the place, from 1",
                "size": ", ".join(SIZES),
                "range": f"of the chart of a card that is added: {', '.join(RANGES)}",
                "title": FIELDS["title"],
            },
            {"change": "add", "card": "query:stale_nodes", "size": "half"},
            AT,
        ),
    ),
    documented_route(
        r"^/-/dashboards/(?P<name>[a-z0-9_-]{1,40})/delete$",
        DELETE.post,
        Endpoint(
            "Delete a dashboard",
            "Of home: it is as the config has it again.",
            "POST",
            "edit",
            at=AT,
        ),
    ),
)
