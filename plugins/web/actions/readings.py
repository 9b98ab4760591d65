"""POST /-/readings/ID: a reading is marked wrong, or right again, by hand."""

import sqlite3

from ingest.db.time import LocalTime
from ingest.mysensors.reading_marks import NoReadingError, mark_by_hand
from ingest.orders.outcome import Done, RefusedError
from plugins.web.actions.action import Action, Submission
from plugins.web.endpoint import Endpoint, documented_route

HELP = "1: it does not count; 0: it counts"
ANSWERS = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


def _mark(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    """Field `wrong`, 1 or 0."""
    text = form.fields.required("wrong", HELP).lower()
    if text not in ANSWERS:
        raise RefusedError(400, f"wrong is {text!r}: {HELP}")
    clock = LocalTime(form.site.timezone)
    try:
        marked = mark_by_hand(connection, form.id, ANSWERS[text], form.actor, clock)
    except NoReadingError as error:
        raise RefusedError(404, str(error)) from None
    hour = "" if marked.is_hour_whole else ". The figures of its hour stay: others of its readings are pruned"
    counts = "does not count any more" if ANSWERS[text] else "counts"
    message = f"{marked.text} of {marked.channel_name}, {marked.received_at}, {counts}{hour}"
    data = {
        "reading": form.id,
        "channel": marked.channel,
        "wrong": ANSWERS[text],
        "hour": marked.is_hour_whole,
    }
    return Done(message, f"reading {form.id} of {marked.channel_name}", data)


MARK = Action("mark reading", "edit", _mark, after="/nodes")

ROUTES = (
    documented_route(
        r"^/-/readings/(?P<id>\d{1,18})$",
        MARK.post,
        Endpoint(
            "Mark a reading wrong, or right again",
            "What is wrong stays in readings, and out of means, minima, maxima, charts and the last value. "
            "Its hour is computed anew.",
            "POST",
            "edit",
            {"wrong": HELP},
            {"wrong": "1"},
            {"ID": "{reading}"},
        ),
    ),
)
