"""An Action is what a POST does: right, form, one transaction with its audit row, answer.

Refusals are audited, too.
"""

import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from datasette import Request, Response

from ingest.db.changes import raise_topics
from ingest.db.wake import wake_ingest
from ingest.orders.audit import audit
from ingest.orders.outcome import Done, RefusedError
from plugins.web.auth.permissions import require
from plugins.web.forms import MAX_BODY, Fields, read_form
from plugins.web.responses import back, confirmation_page, refuse, wants_page
from plugins.web.site import Site
from plugins.web.transaction import audit_refusal, transact

log = logging.getLogger(__name__)

Prepared = TypeVar("Prepared")


@dataclass(frozen=True)
class Submission(Generic[Prepared]):
    """What an action works on: the form, the named parts of the path, what `prepare` made of the form."""

    site: Site
    actor: str
    fields: Fields
    path: Mapping[str, str]
    prepared: Prepared

    @property
    def id(self) -> int:
        """The number in the path."""
        return int(self.path["id"])


@dataclass(frozen=True)
class Action(Generic[Prepared]):
    """One thing that a POST does, for users with the `right`; its method `post` is the handler of the route.

    `write` raises RefusedError and changes nothing then. What takes long is done by `prepare`, before the
    database is locked; it may raise RefusedError too. `follow` waits, after the commit, for what another
    program makes of it; a status of 400 or more says that it failed there. `name` stands in the audit,
    `after` is the page that a browser goes to. A browser that has not asked by itself (`static/forms.js`) is
    asked what `asks` returns.
    """

    name: str
    right: str
    write: Callable[[sqlite3.Connection, Submission[Prepared]], Done]
    status: int = 200
    after: str = "/"
    limit: int = MAX_BODY  # bytes of the body
    files: tuple[str, ...] = ()  # fields that may carry a file
    topics: tuple[str, ...] = ()  # that it raises
    prepare: Callable[[Fields], Awaitable[Prepared]] | None = None
    asks: Callable[[Fields], str] = lambda fields: ""  # what a browser is asked before; programs are not
    follow: Callable[[Site, Done], Awaitable[Done]] | None = None  # waits for what becomes of it

    async def post(self, datasette: Site, request: Request) -> Response:
        """Do it and answer: a page to browsers, JSON to programs."""
        actor, fields, wanted = request.actor, Fields(), ""
        try:
            if request.method != "POST":
                raise RefusedError(405, f"Send a POST to {request.path}", headers={"allow": "POST"})
            require(datasette, actor, self.right)
            fields = await read_form(request, self.limit)
            wanted = fields.take_text("next")
            fields.check_texts(self.files)
            question = self.asks(fields) if wants_page(request) and not fields.is_yes("sure") else ""
            if question:
                return await confirmation_page(datasette, request, question, fields, wanted)
            fields.take("sure")
            done = await self._transact(datasette, request, fields)
            done = await self.follow(datasette, done) if self.follow else done
        except RefusedError as error:
            if actor and request.method == "POST":
                await self._audit_refusal(datasette, actor["id"], fields, error)
            return await refuse(datasette, request, error, fields, wanted)
        except sqlite3.OperationalError as error:
            log.error("%s by %s failed: %s", self.name, actor["id"], error)
            text = f"The database could not be written ({error}). Nothing was changed, try again."
            return await refuse(datasette, request, RefusedError(503, text))
        log.info("%s by %s: %s", self.name, actor["id"], done.message)
        return self._answer(datasette, request, done, wanted)

    def _answer(self, site: Site, request: Request, done: Done, wanted: str) -> Response:
        status = done.status or self.status
        if not wants_page(request):
            text = (
                {"ok": True, "message": done.message}
                if status < 400
                else {"ok": False, "errors": [done.message]}
            )
            return Response.json({**text, **done.data}, status=status)
        site.add_message(request, done.message, site.INFO if status < 400 else site.ERROR)
        return Response.redirect(done.page or back(request, self.after, wanted or None))

    async def _transact(self, site: Site, request: Request, fields: Fields) -> Done:
        prepared = await self.prepare(fields) if self.prepare else cast(Prepared, None)
        form = Submission(site, request.actor["id"], fields, request.url_vars, prepared)

        def write(connection: sqlite3.Connection) -> Done:
            done = self.write(connection, form)
            raise_topics(connection, self.topics)
            audit(connection, form.actor, self.name, done.subject, fields.summary(), "done")
            return done

        done = await transact(site, write)
        wake_ingest(site.config.database)
        return done

    async def _audit_refusal(self, site: Site, actor: str, fields: Fields, refused: RefusedError) -> None:
        outcome = "refused: " + "; ".join(refused.errors)
        log.warning("%s by %s %s", self.name, actor, outcome)
        try:
            await transact(
                site,
                lambda connection: audit_refusal(
                    connection, actor, self.name, refused.subject, fields.summary(), outcome=outcome
                ),
            )
        except sqlite3.OperationalError as error:
            log.error("no audit row for this refusal: %s", error)
