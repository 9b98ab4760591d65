"""POST /-/tariffs and /-/tariffs/ID/delete: tariffs that users enter, beside those of the config."""

import math
import re
import sqlite3
import time
from datetime import datetime
from zoneinfo import ZoneInfo

from ingest.config.energy import Tariff
from ingest.db.time import format_utc
from ingest.orders.outcome import Done, RefusedError
from ingest.ups.tariffs import TariffRow, add_tariff, parse_days, parse_hours
from plugins.web.actions.action import Action, Submission
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.forms import Fields

MAX_TARIFFS = 100  # that users entered
MAX_PRICE = 10_000.0
MAX_TEXT = 60  # characters of hours and of days
PRICE = re.compile(r"\d{1,5}([.,]\d{1,6})?", re.ASCII)
CURRENCY = re.compile(r"[A-Za-z]{3}|[^\W\d_]{1,3}|[$€£¥]")
TOPICS = ("tariffs", "ups")


def read_tariff(fields: Fields, timezone: str, now: float) -> TariffRow:
    """The tariff of a form; without `from` it is valid from today on. Raises RefusedError."""
    price = _read_price(fields.text("price_per_kwh"))
    currency = fields.text("currency")
    if not CURRENCY.fullmatch(currency):
        raise RefusedError(400, f"currency is {currency[:MAX_TEXT]!r}: a code such as EUR is needed")
    today = datetime.fromtimestamp(now, ZoneInfo(timezone)).date().isoformat()
    texts = {name: fields.text(name) for name in ("from", "to", "hours", "days")}
    for name, text in texts.items():
        if len(text) > MAX_TEXT:
            raise RefusedError(400, f"{name} has more than {MAX_TEXT} characters")
    texts["from"] = texts["from"] or today
    tariff = Tariff(price, currency, texts["from"], texts["to"], texts["hours"], texts["days"])
    problem = next(tariff.check(), None)
    if problem is not None:
        raise RefusedError(400, " ".join(problem))
    return TariffRow(
        tariff.valid_from,
        tariff.valid_to or None,
        parse_hours(tariff.hours),
        parse_days(tariff.days),
        price,
        currency,
    )


def _read_price(text: str) -> float:
    price = float(text.replace(",", ".")) if PRICE.fullmatch(text) else math.nan
    if not 0 <= price <= MAX_PRICE:
        raise RefusedError(
            400, f"price_per_kwh is {text[:MAX_TEXT]!r}: a number from 0 to {MAX_PRICE:g} is needed"
        )
    return price


def _add(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    now = time.time()
    row = read_tariff(form.fields, form.site.timezone, now)
    entered = connection.execute("select count(*) from tariffs where set_at is not null").fetchone()[0]
    if entered >= MAX_TARIFFS:
        raise RefusedError(409, f"There are {MAX_TARIFFS} tariffs already: delete what is not needed")
    id = add_tariff(connection, row, format_utc(now), form.actor)
    subject = f"{row.price_per_kwh:g} {row.currency}"
    return Done(f"{subject} a kWh from {row.valid_from} on", subject, {"tariff": id})


def _delete(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    row = connection.execute(
        "select price_per_kwh, currency, set_at from tariffs where id = ?", (form.id,)
    ).fetchone()
    if row is None:
        raise RefusedError(404, f"There is no tariff {form.id}")
    subject = f"{row['price_per_kwh']:g} {row['currency']}"
    if row["set_at"] is None:
        raise RefusedError(409, "This tariff is in config.yml: take it out there", subject=subject)
    connection.execute("delete from tariffs where id = ?", (form.id,))
    return Done(f"The tariff of {subject} is deleted", subject, {"tariff": form.id})


ADD = Action("add tariff", "edit", _add, status=201, after="/energy", topics=TOPICS)
DELETE = Action("delete tariff", "edit", _delete, after="/energy", topics=TOPICS)

ROUTES = (
    documented_route(
        r"^/-/tariffs$",
        ADD.post,
        Endpoint(
            "Enter what a kWh costs",
            "A row of tariffs, beside those of the config; which one counts is said there.",
            "POST",
            "edit",
            {
                "price_per_kwh": "a number, such as 0.32",
                "currency": "such as EUR",
                "from": "first local day, YYYY-MM-DD; today unless given",
                "to": "last local day; without end unless given",
                "hours": "local hours, such as 7-23 or 22-6; all unless given",
                "days": "such as mon-fri; all unless given",
            },
            {"price_per_kwh": "0.32", "currency": "EUR"},
        ),
    ),
    documented_route(
        r"^/-/tariffs/(?P<id>\d{1,9})/delete$",
        DELETE.post,
        Endpoint("Delete a tariff that was entered", "", "POST", "edit", at={"ID": "1"}),
    ),
)
