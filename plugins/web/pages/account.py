"""The page /-/account: the rights and the sessions of the signed-in user."""

from datasette import Request, Response

from plugins.web.auth.permissions import SIGNED_IN, require
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.identity import identity_of
from plugins.web.query import DATABASE
from plugins.web.responses import page, wants_page
from plugins.web.sessions import SESSION_DAYS, Session, sessions_of
from plugins.web.site import Site

BROWSERS = ("Edg", "OPR", "Firefox", "Chrome", "Safari", "curl")  # the first that is named
NAMES = {"Edg": "Edge", "OPR": "Opera"}
SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS X", "CrOS", "Linux")


def browser_name(user_agent: str) -> str:
    """A browser and its system, if its header names them: `Firefox on Linux`; else the header."""
    browser = next((one for one in BROWSERS if f"{one}/" in user_agent), None)
    system = next((one for one in SYSTEMS if one in user_agent), None)
    if browser is None:
        return user_agent
    return f"{NAMES.get(browser, browser)} on {system}" if system else NAMES.get(browser, browser)


async def account(datasette: Site, request: Request) -> Response:
    """GET /-/account, JSON for programs."""
    require(datasette, request.actor, SIGNED_IN)
    actor, here = request.actor["id"], identity_of(request.scope).session
    keys = datasette.accounts.cookie_keys
    found: list[Session] = await datasette.get_database(DATABASE).read_hidden(
        lambda connection: sessions_of(connection, actor, keys)
    )
    shown = [
        {
            "id": one.id,
            "created_at": one.created_at,
            "last_used_at": one.last_used_at,
            "user_agent": one.user_agent,
            "is_this": here is not None and one.id == here.id,
        }
        for one in found
    ]
    may = sorted(datasette.accounts.rights[actor])
    if not wants_page(request):
        return Response.json({"ok": True, "actor": actor, "may": may, "sessions": shown})
    for session in shown:
        session["browser"] = browser_name(str(session["user_agent"]))
    context = {"may": may, "sessions": shown, "days": SESSION_DAYS}
    return await page(datasette, request, "pages/-/account.html", context)


ACCOUNT = documented_route(
    r"^/-/account$",
    account,
    Endpoint(
        "Your account: rights and sessions",
        "Programs that do not ask for HTML get JSON.",
        right=SIGNED_IN,
        answer="page",
    ),
)
