"""What a POST carries: typed fields, a file, the CSRF token.

Datasette's own check of the CSRF token cannot read multipart bodies beside current python-multipart and
refuses JSON, so routes that take a POST are left out of it and `read_form` checks the token.
"""

import json
import math
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import parse_qsl

from datasette import Request
from starlette import requests
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.types import Message, Receive

from ingest.orders.numbers import parse_number
from ingest.orders.outcome import RefusedError
from plugins.web.identity import DEVICE_COOKIE, csrf_token_of, identity_of, is_token

MAX_BODY = 64 * 1024  # bytes of a body without a file
MAX_FIELDS = 100
AUDITED = 500  # characters of the fields that an audit row keeps
YES = ("1", "true", "on", "yes")


class Upload(NamedTuple):
    """A file of a multipart form."""

    filename: str
    content: bytes


Value: TypeAlias = str | Upload


class Fields:
    """The fields of a form, or of the query string of a page that asks before a form."""

    def __init__(self, values: Mapping[str, Value] | None = None) -> None:
        self._values = dict(values or {})

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def raw(self, name: str) -> str:
        """The text as it was sent; '' for a field that is missing. Raises RefusedError for a file."""
        value = self._values.get(name, "")
        if not isinstance(value, str):
            raise RefusedError(400, f"{name} is a text, not a file")
        return value

    def text(self, name: str) -> str:
        """The text without blanks around it; '' for a missing field. Raises RefusedError for a file."""
        return self.raw(name).strip()

    def required(self, name: str, meaning: str, subject: str = "") -> str:
        """The text of a field that has to be there. Raises RefusedError."""
        text = self.text(name)
        if not text:
            raise RefusedError(400, f"{name} is needed: {meaning}", subject=subject)
        return text

    def is_yes(self, name: str) -> bool:
        """True for a ticked box, or one of YES."""
        return self.text(name).lower() in YES

    def number(self, name: str, highest: int) -> int:
        """A whole number from 0 to `highest`. Raises RefusedError."""
        return parse_number(self.text(name), name, highest)

    def file(self, name: str) -> Upload | None:
        """The file, or a text in its place as one without a name; None where neither is there."""
        value = self._values.get(name)
        if isinstance(value, str):
            return Upload("", value.encode("utf-8", "surrogatepass")) if value else None
        return value

    def ticked(self, prefix: str) -> list[str]:
        """What stands behind `prefix` in the names of fields that are neither empty nor 0."""
        return [
            name.removeprefix(prefix)
            for name, value in self._values.items()
            if name.startswith(prefix) and value not in ("", "0")
        ]

    def take(self, name: str) -> Value | None:
        """Remove a field and return it."""
        return self._values.pop(name, None)

    def take_text(self, name: str) -> str:
        """Remove a field and return its text; '' for a file, and for none."""
        value = self._values.pop(name, "")
        return value if isinstance(value, str) else ""

    def check_characters(self) -> None:
        """Raise RefusedError for half a character, such as `"\\ud800"` in JSON: no UTF-8 has it."""
        for name, value in self._values.items():
            text = value if isinstance(value, str) else value.filename
            if not is_unicode(name):
                raise RefusedError(400, f"The name {ascii(name)[:AUDITED]} holds half a character")
            if not is_unicode(text):
                raise RefusedError(400, f"{name} holds half a character (a surrogate): send whole ones")

    def check_texts(self, files: Collection[str] = ()) -> None:
        """Raise RefusedError where another field than `files` carries a file."""
        for name in self._values:
            if name not in files:
                self.raw(name)

    def texts(self) -> dict[str, str]:
        """All fields. Raises RefusedError for a file."""
        return {name: self.raw(name) for name in self._values}

    def given(self, *names: str) -> dict[str, str]:
        """Those of the fields that are not empty."""
        return {name: text for name in names if (text := self.raw(name))}

    def find_wrong(self, refused: RefusedError) -> str:
        """The field that is refused: that of the error, else the one that a reason begins with; ''."""
        named = (text.partition(" ")[0].rstrip(":") for text in refused.errors)
        return refused.field or next((name for name in named if name in self._values), "")

    def summary(self) -> str:
        """The fields in one line for the audit; of a file only its name and size."""
        plain = {
            name: value if isinstance(value, str) else f"{value.filename}, {len(value.content)} bytes"
            for name, value in self._values.items()
        }
        return json.dumps(plain, ensure_ascii=False)[:AUDITED] if plain else ""


def is_unicode(text: str) -> bool:
    """False for a text with a lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


async def read_form(request: Request, limit: int = MAX_BODY) -> Fields:
    """The fields of a POST, without the CSRF token.

    Takes multipart/form-data, application/x-www-form-urlencoded and a flat JSON object. Raises RefusedError.
    """
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > limit:
        raise RefusedError(413, f"The body is larger than {limit} bytes")
    body = requests.Request(request.scope, _limited(request.receive, limit))
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "multipart/form-data":
            fields = Fields(await _read_multipart(body))
        else:
            fields = Fields(_parse_body(kind, await body.body()))
    except requests.ClientDisconnect:
        raise RefusedError(400, "The body ended too early") from None
    fields.check_characters()
    _check_token(request, fields.take("csrftoken"))
    return fields


def _limited(receive: Receive, limit: int) -> Receive:
    seen = 0

    async def inner() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise RefusedError(413, f"The body is larger than {limit} bytes")
        return message

    return inner


async def _read_multipart(request: requests.Request) -> dict[str, Value]:
    try:
        async with request.form(max_files=1, max_fields=MAX_FIELDS) as form:
            return {
                name: Upload(value.filename or "", await value.read())
                if isinstance(value, UploadFile)
                else value
                for name, value in form.multi_items()
            }
    except MultiPartException as error:
        raise RefusedError(400, error.message) from error
    except (KeyError, UnicodeDecodeError) as error:
        raise RefusedError(400, "The multipart form cannot be read") from error


def _parse_body(kind: str, body: bytes) -> dict[str, str]:
    if not body.strip():
        return {}
    try:
        text = body.decode("utf-8")
        if kind == "application/x-www-form-urlencoded":
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS))
        if kind == "application/json":
            return _flat(json.loads(text, parse_constant=_refuse_constant, parse_float=_parse_finite))
    except UnicodeDecodeError:
        raise RefusedError(400, "The body is not UTF-8") from None
    except (ValueError, RecursionError):
        raise RefusedError(400, f"The body cannot be read as {kind}") from None
    raise RefusedError(415, "Send multipart/form-data, application/x-www-form-urlencoded or application/json")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _parse_finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large")
    return number


def _flat(value: Any) -> dict[str, str]:  # Any: parsed JSON
    """JSON as form fields: numbers as they are written, true as 1, false as 0, null as empty."""
    if not isinstance(value, dict):
        raise RefusedError(400, "The JSON body is not an object")
    for name, item in value.items():
        if isinstance(item, list | dict):
            raise RefusedError(400, f"{name} is not a text, a number, true, false or null")
    return {
        name: "" if item is None else str(int(item)) if isinstance(item, bool) else str(item)
        for name, item in value.items()
    }


def _check_token(request: Request, token: Value | None) -> None:
    """Refuse what a browser sends with its cookies at the bidding of another site.

    `plugins.web.auth.origin` has looked at `Sec-Fetch-Site` and `Origin`. An old browser that sends neither
    sends no cookie to a form of another site, but asks for a page: it could be signed in as another user.
    """
    headers = request.headers
    if identity_of(request.scope).has_token:
        return
    is_checked = "sec-fetch-site" in headers or "origin" in headers
    is_browser = "text/html" in headers.get("accept", "")
    has_cookies = any(name != DEVICE_COOKIE for name in request.cookies)
    if not has_cookies and (is_checked or not is_browser):
        return
    token = headers.get("x-csrftoken") or token or ""
    if not isinstance(token, str) or not is_token(token, csrf_token_of(request.scope)):
        raise RefusedError(
            403, "csrftoken is missing or wrong: load the page again and send the form once more"
        )
