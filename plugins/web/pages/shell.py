"""What every page carries: the title, whether it is the demo, sources that are not read, who is signed in."""

from typing import Any

from plugins.web.auth.permissions import Actor, has_right
from plugins.web.query import DATABASE, select
from plugins.web.readers import CONFIGURED, KINDS
from plugins.web.site import Site


async def shell(site: Site, actor: Actor) -> dict[str, Any]:  # Any: template variables
    """The variable `site` of every template."""
    lost = None
    if DATABASE in site.databases and has_right(site, actor, "read"):
        lost = await select(
            site,
            f"""select source, kind, state, detail, verdict, since_at, heartbeat_at, last_data_at from readers
            where verdict in ('Critical', 'Stale') and {CONFIGURED}""",
        )
    return {
        "title": site.config.title,
        "demo": site.config.demo,
        "disconnected": [
            reader | {"kind_text": KINDS.get(reader["kind"], reader["kind"])} for reader in lost or []
        ],
        "can_sign_in": bool(site.accounts.cookie_keys),
        "read": has_right(site, actor, "read"),
    }
