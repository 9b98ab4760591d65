"""Addresses that Datasette's own views trip over, with an exception of Python's: 400 or 404 with a message.

Datasette checks some parameters and passes others to `int()`, `json.loads()` or SQLite as they are. What
fails there is a fault of the address. What fails in code of this site is one of the site, and stays a 500.
"""

import sqlite3
import traceback
from collections.abc import Iterator
from pathlib import Path

import datasette
from datasette import Request

from plugins.web.compat import HttpError

VIEWS = str(Path(datasette.__file__).parent / "views")
ROOT = Path(__file__).resolve().parents[2]  # site-packages, or a checkout that may hold them in `.venv`
OWN = tuple(f"{ROOT / package}/" for package in ("plugins", "reporting", "ingest", "ota", "voltkeeper"))
# Own code that only passes on what a view executes.
PASSING = tuple(
    str(Path(__file__).parent / name) for name in ("site.py", "table_guard.py", "app/database.py")
)
FAULTS = (ValueError, KeyError, IndexError, TypeError, OverflowError, sqlite3.ProgrammingError)
# ProgrammingErrors about a connection, not about a query.
BROKEN = ("closed database", "created in a thread", "Recursive use")
LONGEST = 100  # characters of a value that a message repeats


def request_fault(request: Request, exception: Exception) -> HttpError | None:
    """The answer to an exception that the address caused in a view of Datasette's, else None."""
    if not isinstance(exception, FAULTS) or any(text in str(exception) for text in BROKEN):
        return None
    files = list(_files_after_view(exception))
    if not files or any(file.startswith(OWN) and file not in PASSING for file in files):
        return None
    if files[0].endswith("row.py"):
        return HttpError(404, f"There is no row {request.path}: its key has other parts")
    return HttpError(400, f"This address cannot be answered: {_cause(request, exception)}")


def _files_after_view(exception: Exception) -> Iterator[str]:
    """The files of the stack from the innermost view of Datasette's on."""
    files = [frame.filename for frame in traceback.extract_tb(exception.__traceback__)]
    views = [position for position, file in enumerate(files) if file.startswith(VIEWS)]
    return iter(files[views[-1] :] if views else ())


def _cause(request: Request, exception: Exception) -> str:
    """The parameter whose value the exception names, else all that could be meant."""
    text = str(exception)
    for name in request.args:
        for value in request.args.getlist(name):
            if value and repr(value) in text:
                return f"{name} cannot be {value[:LONGEST]!r}"
            if "\0" in value and "null character" in text:
                return f"{name[:LONGEST]} holds a null character"
    names = ", ".join(name[:LONGEST] for name in request.args)
    return f"one of its parameters has a value that the page does not take ({names or 'none is given'})"
