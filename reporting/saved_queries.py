"""Queries that users keep under a name: what may be one, and which parameters it has."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from reporting.folding import fold

MOST = 200  # queries
MOST_PARAMETERS = 30  # of one query
LONGEST_TITLE, LONGEST_DESCRIPTION, LONGEST_SQL = 100, 1_000, 20_000  # characters
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
NAME_HELP = "1 to 40 small letters, digits, _ and -, the first a letter or a digit"
READS = re.compile(r"(?:select|with)\b", re.IGNORECASE)
# What is no parameter whatever stands in it: texts, quoted names, comments. One may lack its end.
OPAQUE = re.compile(
    r"""'(?:[^']|'')*'?|"(?:[^"]|"")*"?|`(?:[^`]|``)*`?|\[[^\]]*\]?|--[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/)?"""
)
PARAMETER = re.compile(r"(?<![:\w]):(\w+)")
OTHER_PARAMETER = re.compile(r"\?\d*|(?<!\w)[@$]\w+")


class SavedQuery(NamedTuple):
    """A query as users keep it; `params` are the names after its colons."""

    name: str
    title: str
    description: str
    sql: str
    updated_at: str = ""
    updated_by: str | None = None

    @property
    def params(self) -> tuple[str, ...]:
        """The names of its parameters, in the order in which they are first named."""
        return parameters_of(self.sql)


def parameters_of(sql: str) -> tuple[str, ...]:
    """The names after colons in a query, each once."""
    return tuple(dict.fromkeys(PARAMETER.findall(OPAQUE.sub(" ", sql))))


def name_of(title: str) -> str:
    """A name made of a title: `Cold nights` is cold_nights. Empty where no letter or digit is left."""
    return re.sub(r"[^a-z0-9]+", "_", fold(title)).strip("_")[:40].rstrip("_")


def trim_sql(sql: str) -> str:
    """A query without blanks around it and without the semicolon at its end, one kind of line end in it."""
    return sql.replace("\r\n", "\n").strip().rstrip("; \n\t")


def find_problems(query: SavedQuery) -> Iterator[str]:
    """Yield what keeps a query from being saved, each beginning with the field that is wrong.

    Whether SQLite understands the SQL is for SQLite to say.
    """
    if not NAME.fullmatch(query.name):
        yield f"name is {query.name[:60]!r}: needed are {NAME_HELP}"
    if not query.title:
        yield "title is needed: what the query is called on pages"
    for field, text, most in (
        ("title", query.title, LONGEST_TITLE),
        ("description", query.description, LONGEST_DESCRIPTION),
        ("sql", query.sql, LONGEST_SQL),
    ):
        if len(text) > most:
            yield f"{field} has {len(text)} characters: {most} are taken"
    if "\0" in query.title + query.description + query.sql:
        yield f"{'sql' if chr(0) in query.sql else 'title'} holds a null character: take it out"
    yield from _sql_problems(query.sql)


def _sql_problems(sql: str) -> Iterator[str]:
    bare = OPAQUE.sub(" ", sql)
    if not READS.match(bare.lstrip()):
        yield "sql has to begin with select or with: a saved query reads and changes nothing"
    if other := OTHER_PARAMETER.search(bare):
        yield f"sql has the parameter {other[0]}: parameters are written with a colon, such as :node"
    params = parameters_of(sql)
    if len(params) > MOST_PARAMETERS:
        yield f"sql has {len(params)} parameters: {MOST_PARAMETERS} are taken"
    for param in params:
        if param == "sql" or not re.match(r"[A-Za-z]", param):
            yield f"sql has the parameter :{param}: a name begins with a letter, and is not sql"
