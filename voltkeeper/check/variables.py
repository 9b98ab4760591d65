"""`voltkeeper check`: what the config corrects, names or leaves out of the variables of each UPS."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from ingest.config.model import Config
from ingest.db.connection import connect
from ingest.nearest import nearest
from ingest.ups.corrections import VariableSettings
from voltkeeper.check.sources import Finding

VARIABLES = "select u.name, v.variable from ups u join ups_variables v on v.ups = u.id"


def variable_findings(config: Config) -> list[tuple[str, Finding]]:
    """(what, finding) of each UPS of which the config says something, and of all of them.

    A variable that a UPS has not, by what was read of it last, is a failure: most likely it is misspelt.
    """
    held = _held(config.database)
    found = []
    if config.variables:
        found.append(("variables of all UPSes", Finding(True, _describe(config.variables))))
    for name, own in config.ups.items():
        parts = [_describe(own.variables)] if own.variables else []
        if own.record:
            parts.append(f"series: {', '.join(own.record)}")
        if not parts:
            continue
        missing = _missing(own.variables, held[name]) if name in held else []
        found.append((f"variables of {name}", Finding(not missing, "; ".join(missing or parts))))
    return found


def _held(path: Path) -> dict[str, set[str]]:
    """Name of a UPS -> its variables as they were read last; {} where there is no file that tells."""
    held: dict[str, set[str]] = {}
    try:
        with closing(connect(path, readonly=True)) as connection:
            for name, variable in connection.execute(VARIABLES):
                held.setdefault(name, set()).add(variable)
    except sqlite3.Error:
        return {}  # the lines of the database report what is wrong with it
    return held


def _describe(variables: Mapping[str, VariableSettings]) -> str:
    corrected = [f"{name} {own.describe()}" for name, own in variables.items() if own.is_correction]
    named = [f"{name} is {own.label!r}" for name, own in variables.items() if own.label]
    hidden = [name for name, own in variables.items() if own.hide]
    parts = (("corrected", corrected), ("named", named), ("left out of pages", hidden))
    return "; ".join(f"{what}: {', '.join(names)}" for what, names in parts if names) or "nothing"


def _missing(variables: Mapping[str, VariableSettings], held: set[str]) -> list[str]:
    """A message for each variable that the UPS does not have, of those whose text is needed."""
    needed = {own.source or name for name, own in variables.items()}
    return [f"the UPS has no {name}: {nearest(name, held)}" for name in sorted(needed - held)]
