"""Components of the OpenAPI document: what answers look like, how programs sign in, kinds of parameters."""

from collections.abc import Mapping
from types import MappingProxyType

from plugins.web.endpoint import Json

JSON = "application/json"
HTML = "text/html"
TEXT = "text/plain"
OPENMETRICS = "application/openmetrics-text"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
# By `Endpoint.answer`.
MEDIA: Mapping[str, str] = MappingProxyType(
    {
        "page": HTML,
        "text": TEXT,
        "CSV": TEXT,
        "Atom": "application/atom+xml",
        "calendar": "text/calendar",
        "stream": "text/event-stream",
    }
)
BINARY = "application/octet-stream"
DONE: Mapping[int, str] = MappingProxyType(
    {200: "Done", 201: "Done: there is a new row", 202: "Taken: it is done in the background"}
)
ERRORS: Mapping[int, str] = MappingProxyType(
    {
        400: "A parameter, a field or the address is wrong",
        401: "Not signed in, or the token is unknown",
        403: "The right is missing, or the CSRF token of a browser",
        404: "There is no such thing",
        405: "No route takes such a path",
        409: "It cannot be done in the present state",
        413: "The body is too large",
        415: "The body is neither a form nor JSON",
        421: "The site is not known by this name: `web: {hosts: [...]}` in config.yml",
        429: "Too many tries or connections: wait for as long as `retry-after` says",
        502: "Another service has failed",
        503: "The database was busy: try again",
    }
)


def ref(name: str) -> Json:
    """A reference to a schema below."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: str, **properties: Json) -> Json:
    return {"type": "object", "required": required.split(), "properties": properties}


TEXTS: Json = {"type": "string"}
YES: Json = {"const": True}
MAYBE_TEXT: Json = {"type": ["string", "null"]}
ROW: Json = {"type": "object", "description": "Column -> value"}
SCHEMAS: Json = {
    "Error": {
        "type": "object",
        "description": "What was refused or failed; each text names the remedy",
        "required": ["ok"],
        "properties": {
            "ok": {"const": False},
            "errors": {"type": "array", "items": TEXTS},
            "error": MAYBE_TEXT,
            "field": {"type": "string", "description": "the field that is wrong"},
            "status": {"type": "integer"},
        },
        "anyOf": [{"required": ["errors"]}, {"required": ["error"]}],
    },
    "Done": _object("ok", ok=YES, message={"type": "string", "description": "what was done"}),
    "Rows": {
        "description": "With `_shape=array` the rows alone, else an object with their columns",
        "anyOf": [
            {"type": "array"},
            _object(
                "rows columns",
                rows={"type": "array"},
                columns={"type": "array", "items": TEXTS},
                truncated={"type": "boolean"},
                next_url=MAYBE_TEXT,
            ),
        ],
    },
    "Database": _object("tables views queries", tables={"type": "array", "items": ROW}),
    "Pulse": _object(
        "ok now changes",
        ok=YES,
        now=TEXTS,
        changes={
            "type": "object",
            "additionalProperties": _object("seq at", seq={"type": "integer"}, at=TEXTS),
        },
    ),
    "Calls": _object("ok base calls", ok=YES, base=TEXTS, calls={"type": "array", "items": ROW}),
    "Health": _object("status uptime timestamp", status=TEXTS, uptime=TEXTS, timestamp=TEXTS),
    "UpsValues": _object(
        "status uptime alarms timestamp",
        status=TEXTS,
        uptime=TEXTS,
        timestamp=MAYBE_TEXT,
        alarms={"type": "array", "items": TEXTS},
    ),
    "Dashboard": _object("ok name title cards", ok=YES, name=TEXTS, title=TEXTS, cards={"type": "array"}),
    "Manifest": _object("id name start_url icons", icons={"type": "array"}),
    "Actor": _object("actor", actor={"type": ["object", "null"]}),
    "Account": _object("ok actor may sessions", ok=YES, may={"type": "array", "items": TEXTS}),
    "Plans": _object("ok running plans runs", ok=YES, running={"type": "boolean"}),
    "Alerts": _object("ok configured targets rules", ok=YES, configured={"type": "boolean"}),
    "Object": {"type": "object"},
    "OpenApi": _object("openapi info paths", openapi=TEXTS),
}
# A refusal is JSON for programs, a page for browsers; text where the answer would be text.
RESPONSES: Json = {
    f"Refused{status}": {
        "description": meaning,
        "content": {
            JSON: {"schema": ref("Error")},
            HTML: {"schema": TEXTS},
            TEXT: {"schema": TEXTS},
        },
    }
    for status, meaning in ERRORS.items()
}
# By path as `/api.json` has it; what is not here answers Done (POST), Rows (tables and queries) or Object.
ANSWERS: Mapping[str, str] = MappingProxyType(
    {
        "/-/pulse.json": "Pulse",
        "/api.json": "Calls",
        "/openapi.json": "OpenApi",
        "/api/health": "Health",
        "/api/telemetry": "UpsValues",
        "/dash/NAME.json": "Dashboard",
        "/manifest.webmanifest": "Manifest",
        "/-/actor.json": "Actor",
        "/-/account": "Account",  # a page for browsers, as the next
        "/-/alerts": "Alerts",
        "/-/plan": "Plans",
    }
)
SECURITY: Json = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of `access: {tokens: [...]}` in config.yml",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "ds_actor",
        "description": "A session, as POST /-/login begins it. A POST with it carries the field `csrftoken` "
        "of a page, too.",
    },
}
WHOLE: Json = {"type": "integer", "minimum": 0, "maximum": 999_999_999}
PARAMETERS: Json = {  # kinds of path and query parameters that are no plain text
    "id": WHOLE,
    "page": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
    "node_id": {"type": "integer", "minimum": 0, "maximum": 255},
    "_shape": {"enum": ["array", "arrays", "arrayfirst", "objects"]},
    "last_event_id": WHOLE,
    "for_s": WHOLE,
}


def parameter_schema(name: str) -> Json:
    """What a path or query parameter may be."""
    kind: Json = PARAMETERS.get(name, TEXTS)
    return kind
