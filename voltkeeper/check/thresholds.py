"""`voltkeeper check`: what each threshold watches, as far as the database knows it.

What cannot be is a failure; what has not come so far may come yet, and is a note.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

from ingest.config.model import Config
from ingest.config.thresholds import ThresholdSettings
from ingest.db.connection import connect
from ingest.mysensors.protocol import SetReq
from ingest.nearest import nearest
from ingest.thresholds.event_rows import describe_subject
from ingest.thresholds.subject import FIGURE_NAMES, ChannelSubject, FigureSubject, Subject, value_type
from voltkeeper.check.sources import Finding

CHANNELS = """select g.name || '/' || n.node_id || '/' || s.child_id || '/' || c.type_name, c.id,
  c.value is null
from channels c join sensors s on s.id = c.sensor join nodes n on n.id = c.node
join gateways g on g.id = n.gateway"""


class ThresholdFinding(NamedTuple):
    """What was found of a threshold; `is_note`: it is no failure, and worth knowing."""

    finding: Finding
    is_note: bool = False


def threshold_findings(config: Config) -> Iterator[tuple[str, ThresholdFinding]]:
    """(what, finding) of each threshold; a fault names the nearest channel or figure that is known."""
    if not config.thresholds:
        return
    try:
        with closing(connect(config.database, readonly=True)) as connection:
            for settings in config.thresholds:
                yield f"threshold {settings.name}", _find(config, settings, connection)
    except sqlite3.Error:  # the lines of the database report what is wrong with it
        for settings in config.thresholds:
            yield f"threshold {settings.name}", _find(config, settings, None)


def _find(
    config: Config, settings: ThresholdSettings, connection: sqlite3.Connection | None
) -> ThresholdFinding:
    if settings.figure:
        return _find_figure(settings, connection)
    gateways = [gateway.name for gateway in config.gateways]
    gateway, *_, symbol = settings.channel.split("/")
    if gateway not in gateways:
        return _fault(f"there is no gateway {gateway!r}: {nearest(gateway, gateways)}")
    if value_type(symbol) is None:
        return _fault(f"there is no type of value {symbol!r}: {nearest(symbol, SetReq.__members__)}")
    if connection is None:
        return _right(settings)
    known = {name: (key, bool(is_text)) for name, key, is_text in connection.execute(CHANNELS)}
    if settings.channel not in known:
        near = nearest(settings.channel, known) if known else "no node has reported yet"
        return _note(f"no value of {settings.channel} has come so far: {near}")
    key, is_text = known[settings.channel]
    if is_text:
        return _note(f"{settings.channel} reports texts, which have no limit: name another channel")
    return _right(settings, connection, ChannelSubject(key))


def _find_figure(settings: ThresholdSettings, connection: sqlite3.Connection | None) -> ThresholdFinding:
    subject = FigureSubject(settings.ups, settings.figure)
    is_column = settings.figure in FIGURE_NAMES
    if connection is None:
        if is_column or "." in settings.figure:
            return _right(settings)
        return _fault(f"there is no figure {settings.figure!r}: {nearest(settings.figure, FIGURE_NAMES)}")
    variables = _variables(connection, settings.ups)
    if not is_column and variables and settings.figure not in variables:
        near = nearest(settings.figure, [*FIGURE_NAMES, *variables])
        return _fault(f"{settings.ups} has no figure {settings.figure!r}: {near}")
    given = _given(connection, settings.ups)
    if is_column and given and settings.figure not in given:
        near = nearest(settings.figure, given)
        return _note(f"{settings.ups} does not give {settings.figure}: {near}")
    return _right(settings, connection, subject)


def _variables(connection: sqlite3.Connection, ups: str) -> list[str]:
    """The variables of a UPS that are numbers, by NUT's names."""
    rows = connection.execute(
        "select v.variable from ups_variables v join ups u on u.id = v.ups "
        "where u.name = ? and v.number is not null",
        (ups,),
    )
    return [variable for (variable,) in rows]


def _given(connection: sqlite3.Connection, ups: str) -> list[str]:
    """The columns that the newest sample of a UPS has; [] where there is no sample."""
    row = connection.execute(
        f"select {', '.join(FIGURE_NAMES)} from ups_samples where id = (select max(s.id) from ups_samples s "
        "join ups u on u.id = s.ups where u.name = ?)",
        (ups,),
    ).fetchone()
    pairs = zip(FIGURE_NAMES, row or (), strict=False)
    return [name for name, value in pairs if value is not None]


def _fault(message: str) -> ThresholdFinding:
    return ThresholdFinding(Finding(False, message))


def _note(message: str) -> ThresholdFinding:
    return ThresholdFinding(Finding(False, message), is_note=True)


def _right(
    settings: ThresholdSettings,
    connection: sqlite3.Connection | None = None,
    subject: Subject | None = None,
) -> ThresholdFinding:
    """`Greenhouse Room below 4 °C for 600 s`."""
    what, unit = settings.channel or f"{settings.figure} of {settings.ups}", ""
    if connection is not None and subject is not None:
        what, unit = describe_subject(connection, subject)
    side, limit = ("below", settings.below) if settings.above is None else ("above", settings.above)
    lasts = f" for {settings.for_s:g} s" if settings.for_s else ""
    return ThresholdFinding(Finding(True, f"{what} {side} {limit:g}{unit and f' {unit}'}{lasts}"))
