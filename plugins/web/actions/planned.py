"""Actions on many rows, done in the background: a plan is shown, and a POST that confirms it queues them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from datasette import Request, Response

from plugins.web.actions.action import Action
from plugins.web.auth.permissions import require
from plugins.web.endpoint import Json
from plugins.web.forms import Fields
from plugins.web.responses import page, wants_page
from plugins.web.site import Site


@dataclass(frozen=True)
class PlannedAction:
    """An action and its plan: `read_plan` makes it of `fields`, in a thread; `template` is its page.

    `read_plan` raises RefusedError.
    """

    action: Action[None]
    fields: tuple[str, ...]
    read_plan: Callable[[Site, Fields], Json]
    template: str

    async def handle(self, datasette: Site, request: Request) -> Response:
        """GET: the plan, as a page or JSON. POST with `confirm=yes`: 202, then done in the background."""
        if request.method == "POST":
            return await post_and_wake(self.action, datasette, request)
        fields = Fields({name: request.args.get(name) or "" for name in self.fields})
        require(datasette, request.actor, "read")
        plan = await asyncio.to_thread(self.read_plan, datasette, fields)
        if not wants_page(request):
            return Response.json({"ok": True, **plan})
        return await page(datasette, request, self.template, plan)


async def post_and_wake(action: Action[None], site: Site, request: Request) -> Response:
    """Do the action, and let the maintenance job begin that it has queued."""
    response = await action.post(site, request)
    site.scheduler.wake()
    return response
