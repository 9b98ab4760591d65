"""What a POST carries and how it is answered: fields, files, the CSRF token, JSON or a page.

Datasette's own check of the CSRF token cannot read multipart bodies beside current versions of python-multipart and
refuses JSON, so the routes registered here are left out of it and `read_form` checks the token.
"""

import json
import re
import secrets
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from datasette import Response
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request

from plugins.web.endpoint import UNTOLD_POST, described

LIMIT = 64 * 1024  # bytes of a body without a file
FIELDS = 100
_patterns = {}


class Upload(NamedTuple):
    """A file of a multipart form."""

    filename: str
    content: bytes


class Refused(Exception):
    """A deed that is not done: an HTTP status from 400 on and the reasons, in words."""

    def __init__(self, status, *errors, subject="", headers=None):
        super().__init__(*errors)
        self.status, self.errors, self.subject, self.headers = status, errors, subject, headers or {}


def post_route(pattern, handler, *calls):
    """A route for `register_routes` that takes POST and whose handler calls `read_form`; `calls` say what it is."""
    _patterns[pattern] = re.compile(pattern)
    return described(pattern, handler, *(calls or (UNTOLD_POST,)))


def takes_post(path):
    """True when a route made by `post_route` has this path."""
    return any(pattern.match(path) for pattern in _patterns.values())


async def read_form(request, limit=LIMIT):
    """The fields of a POST as text (files as Upload), without the CSRF token.

    Takes multipart/form-data, application/x-www-form-urlencoded and a flat JSON object. Raises Refused.
    """
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > limit:
        raise Refused(413, f"The body is larger than {limit} bytes")
    receive = _limited(request.receive, limit)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "multipart/form-data":
            fields = await _read_multipart(request.scope, receive)
        else:
            body = await _read_body(receive)
            fields = _parse_body(kind, body)
    except ClientDisconnect:
        raise Refused(400, "The body ended too early") from None
    _check_token(request, fields.pop("csrftoken", None))
    return fields


def _limited(receive, limit):
    seen = 0

    async def inner():
        nonlocal seen
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        seen += len(message.get("body", b""))
        if seen > limit:
            raise Refused(413, f"The body is larger than {limit} bytes")
        return message

    return inner


async def _read_body(receive):
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _read_multipart(scope, receive):
    try:
        async with Request(scope, receive).form(max_files=1, max_fields=FIELDS) as form:
            return {
                name: Upload(value.filename or "", await value.read())
                if isinstance(value, UploadFile)
                else value
                for name, value in form.multi_items()
            }
    except (MultiPartException, HTTPException) as error:
        raise Refused(400, getattr(error, "message", None) or error.detail) from error
    except (KeyError, UnicodeDecodeError) as error:
        raise Refused(400, "The multipart form cannot be read") from error


def _parse_body(kind, body):
    if not body.strip():
        return {}
    try:
        text = body.decode("utf-8")
        if kind == "application/x-www-form-urlencoded":
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS))
        if kind == "application/json":
            return _flat(json.loads(text))
    except UnicodeDecodeError:
        raise Refused(400, "The body is not UTF-8") from None
    except (ValueError, RecursionError):
        raise Refused(400, f"The body cannot be read as {kind}") from None
    raise Refused(415, "Send multipart/form-data, application/x-www-form-urlencoded or application/json")


def _flat(value):
    """JSON as form fields: numbers as they are written, true as 1, null and false as empty."""
    if not isinstance(value, dict):
        raise Refused(400, "The JSON body is not an object")
    for name, item in value.items():
        if isinstance(item, list | dict):
            raise Refused(400, f"{name} is not a text, a number, true, false or null")
    return {
        name: "" if item is None or item is False else "1" if item is True else str(item)
        for name, item in value.items()
    }


def _check_token(request, token):
    """Refuse what a browser sends with its cookies at the bidding of another site."""
    if request.headers.get("sec-fetch-site") == "cross-site":
        raise Refused(403, "This form was sent by another site")
    if "cookie" not in request.headers or request.headers.get("authorization", "").startswith("Bearer "):
        return
    token = request.headers.get("x-csrftoken") or token or ""
    if not isinstance(token, str) or not secrets.compare_digest(
        token.encode(), request.scope["csrftoken"]().encode()
    ):
        raise Refused(403, "csrftoken is missing or wrong: load the page again and send the form once more")


def wants_page(request):
    """True for a browser, False for a program, which is answered in JSON."""
    if request.headers.get("content-type", "").startswith("application/json") or request.args.get("_json"):
        return False
    return "text/html" in request.headers.get("accept", "")


def json_errors(status, *errors, headers=None):
    """The answer that every JSON route gives to what it refuses."""
    return Response.json({"ok": False, "errors": list(errors)}, status=status, headers=headers)


async def refuse(datasette, request, refused):
    """Answer a Refused: JSON to programs, a page in words to browsers."""
    if not wants_page(request):
        return json_errors(refused.status, *refused.errors, headers=refused.headers)
    context = {
        "status": refused.status,
        "title": "Not done",
        "errors": refused.errors,
        "back": back(request, "/"),
    }
    body = await datasette.render_template("error.html", context, request=request)
    return Response.html(body, status=refused.status, headers=refused.headers)


def back(request, otherwise, wanted=None):
    """Where a browser goes after a form: `wanted` or the page it came from if that lies on this site."""
    for url in (wanted, request.headers.get("referer")):
        parts = urlsplit(url or "")
        same = not parts.netloc or parts.netloc == request.headers.get("host")
        path = parts._replace(scheme="", netloc="").geturl()
        if url and same and re.match(r"/(?![/\\])", path) and path.isprintable() and "\\" not in path:
            return path
    return otherwise
