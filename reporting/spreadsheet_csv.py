"""CSV for spreadsheets: a text that they would run as a formula gets an apostrophe, which shows it as text.

https://owasp.org/www-community/attacks/CSV_Injection lists what begins a formula. Pure.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

CELL = re.compile(
    rb'(?P<quote>"?)(?P<text>(?:(?<=")[^"]*(?:""[^"]*)*|[^",\r\n]*))(?P<end>"?(?:,|\r?\n|\r|\Z))'
)
FORMULA = re.compile(rb" *(?:[=+\-@\t\r\n]|\xef\xbc[\x9d\x8b\x8d\xa0])")  # the last four are full-width
NUMBER = re.compile(rb" *[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)? *", re.I)


def show_as_text(csv: bytes) -> bytes:
    """Whole rows of CSV, with an apostrophe before each text that begins as a formula; numbers stay."""
    return CELL.sub(_shown, csv)


def _shown(cell: re.Match[bytes]) -> bytes:
    text = cell["text"]
    if not FORMULA.match(text) or NUMBER.fullmatch(text):
        return cell[0]
    return cell["quote"] + b"'" + text + cell["end"]


def write_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Rows as CSV for a spreadsheet, with a line of the columns before them."""
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return show_as_text(file.getvalue().encode("utf-8", "replace")).decode()
