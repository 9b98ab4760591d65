"""`voltkeeper check`: the settings that users made on pages."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from ingest.db.connection import connect
from ingest.settings import SETTINGS, SettingError, parse_setting, parse_subject
from voltkeeper.check.sources import Finding

MADE = """select x.subject, x.key, x.value, x.set_at, x.set_by, coalesce(
    case when x.subject like 'nodes/%' then (select n.name || ' (' || g.name || '/' || n.node_id || ')'
      from nodes n join gateways g on g.id = n.gateway where x.subject = 'nodes/' || n.id) end,
    case when x.subject like 'sensors/%' then (
      select s.name || ' (' || g.name || '/' || n.node_id || '/' || s.child_id || ')'
      from sensors s join nodes n on n.id = s.node join gateways g on g.id = n.gateway
      where x.subject = 'sensors/' || s.id) end,
    case when x.subject like 'ups/%' then (select name from ups where x.subject = 'ups/' || id) end
  ) as name
from settings x order by x.subject, x.key"""


def setting_findings(path: Path) -> Iterator[tuple[str, Finding]]:
    """Each setting with its subject's name, its value, who made it and when; a failure where it is not valid.

    A file that cannot be read, or that has no such table yet, has lines of its own.
    """
    if not path.exists():
        return
    try:
        with closing(connect(path, readonly=True)) as connection:
            rows = connection.execute(MADE).fetchall()
    except sqlite3.Error:
        return
    for subject, key, value, set_at, set_by, name in rows:
        what = f"setting {key} of {name or subject}"
        if fault := _fault(subject, key, value, name):
            yield what, Finding(False, f"{value!r}: {fault}. Set it again on its page, or take it away")
            continue
        unit = SETTINGS[key].unit if value.isdigit() else ""
        by = f" by {set_by}" if set_by else ""
        yield (
            what,
            Finding(True, f"{value}{unit and f' {unit}'}, set on {set_at[:16].replace('T', ' ')} UTC{by}"),
        )


def _fault(subject: str, key: str, value: str, name: str | None) -> str:
    """What is wrong with a stored setting, such as one of a newer version; '' where nothing is."""
    try:
        table, _ = parse_subject(subject)
        parse_setting(table, key, value)
    except SettingError as error:
        return str(error)
    return "" if name else f"there is no {subject}"
