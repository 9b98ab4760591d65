"""/-/pulse.json: what has changed, for pages that update themselves and for programs."""

from datasette import Response

from plugins.web.query import TOO_SLOW, select_many
from plugins.web.responses import json_errors
from plugins.web.site import Site


async def pulse(datasette: Site) -> Response:
    """GET /-/pulse.json: the server's time and a counter per topic, which rises when its rows change."""
    found = await select_many(
        datasette,
        {
            "changes": "select topic, seq, at from changes order by topic",
            "now": "select strftime('%Y-%m-%dT%H:%M:%fZ', 'now') as now",
        },
    )
    changes, now = found["changes"], found["now"]
    if changes is None or now is None:
        return json_errors(503, TOO_SLOW)
    topics = {row["topic"]: {"seq": row["seq"], "at": row["at"]} for row in changes}
    return Response.json(
        {"ok": True, "now": now[0]["now"], "changes": topics}, headers={"cache-control": "no-store"}
    )
