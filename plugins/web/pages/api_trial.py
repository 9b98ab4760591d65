"""The forms of /api that try a GET: what is filled in, and the address that answers it."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import quote, urlencode

from plugins.web.endpoint import PATH_PART, Endpoint
from plugins.web.responses import PageError

CALL = "call"  # the field of a form that names its path


class Input(NamedTuple):
    """A field of a form: a part of the path (in capitals) or a parameter."""

    name: str
    meaning: str
    value: str
    is_needed: bool


def inputs(path: str, endpoint: Endpoint, samples: Mapping[str, str]) -> list[Input] | None:
    """The fields of the form of an endpoint; None for one that has no form: a POST, or a file."""
    if endpoint.method != "GET" or endpoint.answer == "file":
        return None
    parts = [
        Input(name, "", _sample(endpoint.at.get(name), samples), True) for name in PATH_PART.findall(path)
    ]
    fields = [
        Input(name, meaning, _sample(endpoint.example.get(name), samples), False)
        for name, meaning in endpoint.fields.items()
        if not PATH_PART.fullmatch(name)  # COLUMN stands for many names
    ]
    return parts + fields


def _sample(value: str | None, samples: Mapping[str, str]) -> str:
    value = samples.get(value or "", value or "")
    return "" if value.startswith("{") else value


def trial_address(listed: Iterable[tuple[str, Endpoint]], given: Mapping[str, str]) -> str:
    """The address of a form that was sent; fields that are empty are left out. Raises PageError."""
    path = given[CALL]
    endpoints = [one for known, one in listed if known == path and inputs(path, one, {}) is not None]
    if not endpoints:
        raise PageError(404, f"There is no GET {path}: /api lists what there is")
    for name in PATH_PART.findall(path):
        value = given.get(name, "").strip()
        if not value:
            raise PageError(400, f"{name} is needed: it is a part of the address {path}")
        path = path.replace(name, quote(value, safe="@"), 1)
    known = {name for endpoint in endpoints for name in endpoint.fields}
    query = {name: value for name, value in given.items() if name in known and value}
    return path + (f"?{urlencode(query)}" if query else "")
