"""Reports by mail: POST /-/reports/NAME/send, made anew or as it is kept; and the kept mail as a file."""

import asyncio
import sqlite3

from datasette import Request, Response

from ingest.errors import VoltkeeperError
from ingest.orders.outcome import Done, RefusedError
from outbound.reports.deliver import kept_report, queue_report
from outbound.reports.model import MadeReport, ReportError, find_report
from outbound.reports.run import NO_ROWS, make_in_child
from outbound.reports.store import file_of, read_kept, reports_folder
from plugins.web.actions.action import Action, Submission
from plugins.web.auth.permissions import require
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.forms import Fields
from plugins.web.site import Site
from plugins.web.table_guard import open_tables

BEING_MADE = "reports being made"  # in the site's cache: a set of names


async def send(datasette: Site, request: Request) -> Response:
    """Send a report: `kept`, a period such as 2026-10, as it is kept; else that of the period of `of`."""
    name = request.url_vars["name"]

    async def prepare(fields: Fields) -> MadeReport:
        kept, of = fields.text("kept"), fields.text("of")
        try:
            find_report(datasette.config, name)
        except ReportError as error:
            raise RefusedError(404, str(error), subject=name) from None
        try:
            if kept:
                folder = reports_folder(datasette.config.database)
                return await asyncio.to_thread(
                    kept_report, folder, file_of(name, kept), datasette.config.timezone
                )
            return await _make(datasette, name, of)
        except (VoltkeeperError, OSError) as error:
            raise RefusedError(400 if of else 409, str(error), subject=name) from None

    action = Action("send report", "maintain", _queue, status=201, after="/reports#kept", prepare=prepare)
    return await action.post(datasette, request)


async def _make(site: Site, name: str, of: str) -> MadeReport:
    """Make a report in a process of its own; each report by one process at a time."""
    making: set[str] = site.cache.setdefault(BEING_MADE, set())
    if name in making:
        raise RefusedError(409, f"The report {name} is being made: wait until that is done", subject=name)
    making.add(name)
    try:
        return await asyncio.to_thread(make_in_child, site.config, name, of or None)
    finally:
        making.discard(name)


async def download(datasette: Site, request: Request) -> Response:
    """GET /-/reports/NAME/PERIOD.eml for users with the right `maintain`: a report as it is kept."""
    require(datasette, request.actor, "maintain")
    file = file_of(request.url_vars["name"], request.url_vars["period"])
    folder = reports_folder(datasette.config.database)
    mail = await asyncio.to_thread(read_kept, folder, file)
    if mail is None:
        raise RefusedError(404, f"{file} is not kept: /reports lists what is")
    headers = {"cache-control": "no-store", "content-disposition": f'attachment; filename="{file}"'}
    return Response(mail.as_bytes(), content_type="message/rfc822", headers=headers)


def _queue(connection: sqlite3.Connection, form: Submission[MadeReport]) -> Done:
    made = form.prepared
    if not made.file:
        return Done(f"{made.title}: {NO_ROWS}", made.name, {"report": made.name, "deliveries": []})
    report = find_report(form.site.config, made.name)
    with open_tables(connection, "deliveries"):
        ids = queue_report(connection, report, made)
    data = {"report": made.name, "period": made.period, "file": made.file, "deliveries": ids}
    return Done(f"{made.title}: queued for {', '.join(report.to)}", made.name, data)


ROUTES = (
    documented_route(
        r"^/-/reports/(?P<name>[a-z0-9_-]+)/send$",
        send,
        Endpoint(
            "Send a report of `reports:` in config.yml now",
            "It is made anew and kept, or sent again as it is kept; `deliveries` has what became of it.",
            "POST",
            "maintain",
            fields={
                "of": "a day of its period, 2026-10-14, 2026-10 or 2026; empty: the last whole one",
                "kept": "a period that is kept, such as 2026-10: sent as it was made",
            },
            at={"NAME": "{report}"},
        ),
    ),
    documented_route(
        r"^/-/reports/(?P<name>[a-z0-9_-]+)/(?P<period>[0-9W-]+)\.eml$",
        download,
        Endpoint(
            "A report as it is kept, to be opened in a mail program",
            right="maintain",
            at={"NAME": "{report}", "PERIOD": "{kept}"},
            answer="file",
        ),
    ),
)
