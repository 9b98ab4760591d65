"""What every page carries: the title, whether it is the demo, sources that are not read, who is signed in."""

from typing import Any

from ingest.config.model import Config
from ingest.demo.progress import DAYS, days_made
from plugins.web.auth.permissions import has_right
from plugins.web.identity import Actor
from plugins.web.query import DATABASE, select
from plugins.web.readers import CONFIGURED, KINDS, correct_readers, database_problems
from plugins.web.site import Site

MAKING = "The demo's history is being made."  # in place of what states of then would say now


def demo_history(config: Config) -> dict[str, int] | None:
    """How many days of the demo's history are made, of how many; None when it is complete, or no demo."""
    made = days_made(config.database.parent) if config.demo else None
    return None if made is None else {"made": made, "days": DAYS}


async def shell(site: Site, actor: Actor) -> dict[str, Any]:  # Any: template variables
    """The variable `site` of every template."""
    lost = None
    if DATABASE in site.databases and has_right(site, actor, "read"):
        lost = await select(
            site,
            f"""select source, kind, state, detail, verdict, since_at, heartbeat_at, last_data_at from readers
            where verdict in ('Critical', 'Stale') and {CONFIGURED}""",
        )
    database, history = site.config.database, demo_history(site.config)
    lost = [one for one in correct_readers(lost, database) or [] if one["verdict"] in ("Critical", "Stale")]
    return {
        "title": site.config.title,
        "timezone": site.timezone,
        "problems": [one["text"] for one in database_problems(database)]
        if has_right(site, actor, "read")
        else [],
        "demo": site.config.demo,
        "history": history,
        "making": MAKING if history else "",
        "disconnected": [
            reader | {"kind_text": KINDS.get(reader["kind"], reader["kind"])} for reader in lost
        ],
        "can_sign_in": bool(site.accounts.cookie_keys),
        "read": has_right(site, actor, "read"),
        "maintains": has_right(site, actor, "maintain"),
        "plans": bool(site.config.plan),
    }
