"""Lines of NUT's protocol (RFC 9271): quoting, the requests that exist, and their right answers."""

import re
from collections.abc import Sequence

_NAME = r"[^\s\"\\\x00-\x1f\x7f]+"
_QUOTED = r"\"(?:[^\"\\\x00-\x1f\x7f]|\\[\"\\#])*\""
_PLAIN = r"[A-Za-z0-9._@-]+"  # what every server takes for one argument; upsd's own parser splits at = and #
_REQUEST = re.compile(
    rf"""VER|HELP|STARTTLS|LOGIN\ {_NAME}
    |(?:USERNAME|PASSWORD)\ (?:{_PLAIN}|{_QUOTED})
    |GET\ (?:VAR|TYPE|DESC|CMDDESC)\ {_NAME}\ {_NAME}
    |GET\ (?:UPSDESC|NUMLOGINS|TRACKING)\ {_NAME}
    |LIST\ UPS|LIST\ (?:VAR|RW|CMD|CLIENT)\ {_NAME}|LIST\ (?:ENUM|RANGE)\ {_NAME}\ {_NAME}
    |SET\ TRACKING\ ON|SET\ VAR\ {_NAME}\ {_NAME}\ {_QUOTED}
    |INSTCMD\ {_NAME}\ {_NAME}(?:\ {_QUOTED})?""",
    re.VERBOSE,
)
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s"]\S*)|(\S)')
_LIST_VALUES = {"UPS": 1, "VAR": 2, "RW": 2, "CMD": 1, "CLIENT": 1, "ENUM": 1, "RANGE": 2}  # in each row
# Beyond these the answer is an error: a server that sends without end must not fill memory and database.
MAX_ROWS = 5000  # variables of a UPS, and rows of any other list; NUT's largest device has about 400
MAX_UPSES = 64  # that a server may list
MAX_LIST_BYTES = 1_000_000
MAX_SHOWN = 200  # characters of an answer in a message
TRACKED = re.compile(r"OK TRACKING (\S+)")


def quote(value: object) -> str:
    """Return a value as one argument of a request.

    NUT's parser takes `#` in quotes for an error unless it is escaped, and then answers nothing.
    """
    return '"' + re.sub(r'(["\\#])', r"\\\1", str(value)) + '"'


def credential(text: str) -> str:
    """Return a user name or password as the argument of a request, quoted only where it has to be.

    Servers that are not upsd take the quotes for a part of it, and upsd's own clients send none.
    """
    return text if re.fullmatch(_PLAIN, text) else quote(text)


def decode_line(line: bytes) -> str:
    """Return a line as text: UTF-8, else Latin-1, which gives each byte a character.

    upsd hands on the bytes of a device or of a device file, and says nothing of their encoding.
    """
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def split_arguments(line: str) -> list[str]:
    r"""Return the arguments of a line: bare ones, and "quoted ones" with \" and \\ undone.

    Raises ValueError for a quote without an end.
    """
    found = []
    for match in _WORD.finditer(line):
        if match[3] is not None:
            raise ValueError(f"a quote that does not end in {line!r}")
        found.append(re.sub(r"\\(.)", r"\1", match[1]) if match[1] is not None else match[2])
    return found


def is_request(line: str) -> bool:
    """Whether a line is a request that we make: no name with a space, no value with a newline."""
    return _REQUEST.fullmatch(line) is not None


def is_answer(request: str, line: str) -> bool:
    """Whether a line is a right answer to a request, or the first line of one, apart from ERR."""
    verb, *names = request.split()
    if verb in ("VER", "HELP"):
        return line != ""
    if verb == "LIST":
        return names_match(line.split(), ["BEGIN", verb, *names])
    if verb != "GET":
        return line.split()[:1] == ["OK"]
    if names[0] == "TRACKING":
        return line in ("PENDING", "SUCCESS")
    values = values_of(line, names) if line.startswith(names[0]) else []
    if names[0] == "NUMLOGINS":
        return len(values) == 1 and re.fullmatch("[0-9]+", values[0]) is not None
    return len(values) > 0


def list_limit(request: str) -> tuple[int, str]:
    """Return how many rows an answer to a request for a list may have, and what helps where it has more."""
    if request == "LIST UPS":
        return MAX_UPSES, "name the UPSes to read under ups: of this server in the config"
    return MAX_ROWS, "is its driver sound?"


def shorten(text: str) -> str:
    """Return a text as messages show it."""
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def is_list_end(request: str, line: str) -> bool:
    """Whether a line ends the list that was asked for."""
    return names_match(line.split(), ["END", *request.split()])


def list_values(request: str, line: str) -> list[str]:
    """Return what a row of a list has behind the names asked for; [] where it is no row of it."""
    _, kind, *names = request.split()
    values = values_of(line, [kind, *names])
    return values if len(values) >= _LIST_VALUES[kind] else []


def values_of(line: str, names: Sequence[str]) -> list[str]:
    """Return the arguments of a line behind the names it has to begin with.

    [] where it begins otherwise, or a quote does not end.
    """
    try:
        row = split_arguments(line)
    except ValueError:
        return []
    return row[len(names) :] if names_match(row[: len(names)], names) else []


def names_match(answered: Sequence[str], asked: Sequence[str]) -> bool:
    """Whether an answer repeats what was asked; names at upsd are case-insensitive."""
    return [name.casefold() for name in answered] == [name.casefold() for name in asked]
