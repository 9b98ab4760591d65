"""The range that a page shows and the histories of figures in it, through the canned query `ups_history`."""

import asyncio
import time
from typing import NamedTuple
from urllib.parse import urlencode

from ingest.db.time import format_utc, parse_utc
from plugins.web.query import DATABASE, select
from reporting.periods import parse_moment
from reporting.sql_functions import parse_span

KEPT, LONGEST_KEPT_S = 200, 60  # histories
RANGES = (("1 h", "1 h"), ("24 h", "24 h"), ("7 d", "7 d"), ("30 d", "30 d"), ("1 y", "1 y"))


class Span(NamedTuple):
    """From `since` to `until`, unix seconds. `asked` are the parameters of the URL that mean it."""

    since: float
    until: float
    asked: dict

    @property
    def query(self):
        """As a query string, for links that keep it."""
        return urlencode(self.asked)

    @property
    def words(self):
        """As a part of a sentence."""
        return f"the last {self.asked['range']}" if "range" in self.asked else "the chosen time"


def read_span(request, timezone, usual="24 h"):
    """The Span that the URL asks for by `range`, or by `since` and `until`. Raises ValueError in words."""
    asked = {
        name: request.args.get(name).strip() for name in ("range", "since", "until") if request.args.get(name)
    }
    until = parse_moment(asked["until"], timezone) if "until" in asked else time.time()
    if "since" in asked:
        asked.pop("range", None)
        since = parse_moment(asked["since"], timezone)
    else:
        asked.setdefault("range", usual)
        since = until - parse_span(asked["range"])
    if since >= until:
        raise ValueError(f"since, {asked.get('since', asked.get('range'))}, does not lie before until")
    return Span(max(0.0, since), until, asked)


async def run(datasette, name, params):
    """Rows of a canned query as dicts, None when it took too long. Parameters that are left out are empty."""
    query = await datasette.get_canned_query(DATABASE, name, None)
    return await select(datasette, query["sql"], {**dict.fromkeys(query["params"], ""), **params})


async def histories(datasette, ups, figures, span):
    """Figure -> {name of the UPS: points for a chart}; `ups` '' is all. A figure that took too long is None.

    They are kept for a quarter of a bucket: a page that stays as it is now asks again and again for what hardly moves.
    """
    kept = vars(datasette).setdefault("kept_histories", {})
    if len(kept) > KEPT:
        kept.clear()
    keys = {figure: (ups, figure, *span.asked.items()) for figure in figures}
    missing = [figure for figure in figures if kept.get(keys[figure], (0, None))[0] < time.monotonic()]
    found = {figure: kept[keys[figure]][1] for figure in figures if figure not in missing}
    given = {"ups": ups, "since": format_utc(span.since), "until": format_utc(span.until)}
    answers = await asyncio.gather(
        *(run(datasette, "ups_history", {**given, "figure": figure}) for figure in missing)
    )
    for figure, rows in zip(missing, answers):
        found[figure] = None if rows is None else {}
        for row in rows or []:
            point = (parse_utc(row["at"]) + row["bucket_s"] / 2, row["avg"], row["min"], row["max"])
            found[figure].setdefault(row["name"], []).append(point)
        if rows:
            kept[keys[figure]] = (
                time.monotonic() + min(rows[0]["bucket_s"] / 4, LONGEST_KEPT_S),
                found[figure],
            )
    return found
