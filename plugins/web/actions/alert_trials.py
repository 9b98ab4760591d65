"""/-/alerts/test and /-/alerts/rehearsals: messages that show what arrives, sent by `voltkeeper outbound`."""

import asyncio
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ingest.orders.outcome import Done, RefusedError
from outbound.alerts import store
from outbound.alerts.delivery import Delivery
from outbound.alerts.played_events import PlayedEvent, RehearsalError, play_all, play_outage, play_silence
from outbound.alerts.rehearsal import plan_rehearsal, queue_rehearsal
from outbound.alerts.trials import (
    describe_outcome,
    has_arrived,
    is_over,
    queue_test,
    require_sending,
    summarize,
)
from plugins.web.actions.action import Action, Submission
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.forms import Fields
from plugins.web.query import DATABASE
from plugins.web.site import Site
from plugins.web.table_guard import open_tables

PAGE = "/-/alerts"
WAIT_S = 15.0  # for the answer of the service
LOOK_S = 0.2
BAD_GATEWAY = 502
PLAYS = ("outage", "silence", "all")


@contextmanager
def _refusals() -> Iterator[None]:
    """What cannot be tested or rehearsed, as an answer: 404 for a name that is not known, else 409."""
    try:
        yield
    except RehearsalError as error:
        raise RefusedError(404 if error.field else 409, str(error), field=error.field) from None


def _test(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    """Field `target`."""
    target = form.fields.required("target", "the name of a target of config.yml")
    with _refusals(), open_tables(connection, "deliveries"):
        require_sending(form.site.config)
        number = queue_test(connection, form.site.config, target, time.time())
    return Done(f"The test of {target} is queued", target, {"deliveries": [number]}, 202)


def _rehearse(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    """Fields `what`, one of PLAYS; `ups` and `low_battery`, or `node`."""
    what, config, now = form.fields.required("what", ", ".join(PLAYS)), form.site.config, time.time()
    with _refusals(), open_tables(connection, "deliveries", "mutes"):
        require_sending(config)
        rehearsal = plan_rehearsal(connection, config, _play(connection, form, what, now), now)
        if not rehearsal.messages:
            raise RefusedError(409, "Nothing would be sent: no rule names such an event with a target")
        ids = queue_rehearsal(connection, config, rehearsal, now)
    unsent = [{"title": title, "target": target} for title, target in rehearsal.unsent]
    message = f"{len(ids)} messages are queued, each marked REHEARSAL"
    return Done(message, what, {"deliveries": ids, "unsent": unsent}, 202)


def _play(connection: sqlite3.Connection, form: Submission[None], what: str, now: float) -> list[PlayedEvent]:
    fields: Fields = form.fields
    if what == "outage":
        return play_outage(connection, fields.text("ups"), now, fields.is_yes("low_battery"))
    if what == "silence":
        return play_silence(connection, fields.text("node"), now)
    if what == "all":
        return play_all(connection, form.site.config, now)
    raise RefusedError(400, f"what is {what!r}: {', '.join(PLAYS)}")


async def _follow_test(site: Site, done: Done) -> Done:
    """What the service answered."""
    [delivery] = await _wait(site, done.data["deliveries"])
    data = {**done.data, "state": str(delivery.state), "answer": delivery.reason}
    if has_arrived(delivery):
        return Done(f"{delivery.target} took the test: {delivery.reason}", done.subject, data, 200)
    if not is_over([delivery]):
        return done._replace(
            message=f"{delivery.target} has not answered within {WAIT_S:g} s: see deliveries"
        )
    return Done(f"{delivery.target}: {describe_outcome(delivery)}", done.subject, data, BAD_GATEWAY)


async def _follow_rehearsal(site: Site, done: Done) -> Done:
    """How many arrived."""
    found = await _wait(site, done.data["deliveries"])
    data = {**done.data, "messages": [_message(one) for one in found]}
    if not is_over(found):
        arrived = sum(map(has_arrived, found))
        return Done(
            f"{arrived} of {len(found)} messages arrived so far: see deliveries", done.subject, data, 202
        )
    status = 200 if all(map(has_arrived, found)) else BAD_GATEWAY
    return Done(summarize(found), done.subject, data, status)


def _message(one: Delivery) -> dict[str, object]:
    return {
        "id": one.id,
        "target": one.target,
        "title": one.title,
        "state": str(one.state),
        "reason": one.reason,
        "digest": one.digest,
    }


async def _wait(site: Site, ids: Sequence[int]) -> list[Delivery]:
    """The deliveries when all are over, or after WAIT_S."""
    deadline = time.monotonic() + WAIT_S
    while True:
        found: list[Delivery] = await site.get_database(DATABASE).read_hidden(
            lambda connection: store.by_ids(connection, ids)
        )
        if is_over(found) or time.monotonic() >= deadline:
            return found
        await asyncio.sleep(LOOK_S)


TEST = Action("test target", "maintain", _test, status=202, after=PAGE, follow=_follow_test)
REHEARSE = Action("rehearse", "maintain", _rehearse, status=202, after=PAGE, follow=_follow_rehearsal)

ROUTES = (
    documented_route(
        r"^/-/alerts/test$",
        TEST.post,
        Endpoint(
            "Send a test to a target",
            "200 with what its service answered, 502 where it failed, 202 where it has not answered yet.",
            "POST",
            "maintain",
            {"target": "the name of a target of config.yml"},
            {"target": "{alert_target}"},
            statuses=(200, 202, 502),
        ),
    ),
    documented_route(
        r"^/-/alerts/rehearsals$",
        REHEARSE.post,
        Endpoint(
            "Rehearse an outage, a silent node, or all events",
            "What a real one would send goes to the real targets, marked REHEARSAL; no event is stored.",
            "POST",
            "maintain",
            {
                "what": "outage, silence or all",
                "ups": "of an outage: the name of a UPS; the first one unless given",
                "low_battery": "1: its battery runs low, too",
                "node": "of a silence: GATEWAY/NODE_ID; the first node unless given",
            },
            {"what": "{rehearsal}"},
            statuses=(200, 202, 502),
        ),
    ),
)
