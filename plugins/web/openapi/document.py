"""/openapi.json: OpenAPI 3.1 of the records that /api and /api.json list."""

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version

from datasette import Request, Response

from plugins.web.endpoint import PATH_PART, UNDOCUMENTED, Endpoint, Json
from plugins.web.openapi import schemas
from plugins.web.openapi.schemas import ref
from plugins.web.pages.api import Listed, base_of, listed_endpoints, samples
from plugins.web.site import Site

OPENAPI = "3.1.0"
BY_PATTERN = re.compile(r"(?<![A-Za-z])[A-Z]+")  # in the name of a field: location-ID
PLAIN: Json = {"type": ["string", "number", "boolean", "null"]}


async def openapi(datasette: Site, request: Request) -> Response:
    """GET /openapi.json"""
    listed = await listed_endpoints(datasette, request)
    listed += [(group, path, _form_of(one)) for group, path, one in listed if _has_form(group, path, one)]
    found = await samples(datasette)
    body = describe(listed, found, base_of(datasette, request), datasette.accounts.open_to_read)
    body["info"]["title"] = f"{datasette.config.title}: API"
    return Response.json(body)


def describe(listed: Iterable[Listed], examples: Mapping[str, str], base: str, open_to_read: bool) -> Json:
    """The document. `examples` are values of this site by {name}; `base` is the address of the site."""
    paths: Json = {}
    listed = list(listed)
    posts = {path for _, path, endpoint in listed if endpoint.method == "POST"}
    for group, path, endpoint in listed:
        if endpoint is UNDOCUMENTED:
            continue
        methods = paths.setdefault(templated(path), {})
        method = endpoint.method.lower()
        operation = _operation(group, path, endpoint, examples, open_to_read)
        if method == "get" and endpoint.answer == "page" and path in posts:  # what it asks a browser
            operation["responses"]["200"]["content"][schemas.JSON] = {"schema": ref("Object")}
        methods[method] = _merged(methods[method], operation) if method in methods else operation
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Voltkeeper: API",
            "version": version("voltkeeper"),
            "description": "Nodes and UPSes of a home. Every table, view and query is JSON and CSV, too.",
        },
        "servers": [{"url": base}],
        "paths": paths,
        "components": {
            "schemas": schemas.SCHEMAS,
            "responses": schemas.RESPONSES,
            "securitySchemes": schemas.SECURITY,
        },
    }


def _has_form(group: str, path: str, endpoint: Endpoint) -> bool:
    """True for a POST whose address is a page for browsers that no Endpoint describes."""
    return path == "/-/logout" or (group == "questions" and endpoint.method == "POST")


def _form_of(post: Endpoint) -> Endpoint:
    return Endpoint(f"{post.title}: the form", right=post.right, answer="page")


def templated(path: str) -> str:
    """/nodes/GATEWAY/NODE_ID as /nodes/{gateway}/{node_id}."""
    return PATH_PART.sub(lambda match: "{" + match[0].lower() + "}", path)


def _operation(
    group: str, path: str, endpoint: Endpoint, examples: Mapping[str, str], open_to_read: bool
) -> Json:
    operation: Json = {
        "operationId": f"{endpoint.method.lower()}{re.sub(r'[^A-Za-z0-9]+', '_', path)}",
        "tags": [group],
        "summary": endpoint.title,
        "description": " ".join(filter(None, (endpoint.description, _right_text(endpoint.right)))),
        "parameters": list(_parameters(path, endpoint, examples)),
        "responses": _responses(path, endpoint),
        "security": _security(endpoint.right, open_to_read),
    }
    if endpoint.method == "POST" and endpoint.fields:
        operation["requestBody"] = {"content": _bodies(endpoint)}
    return operation


def _right_text(right: str | None) -> str:
    return f"Needs the right `{right}`." if right not in (None, "read", "signed-in") else ""


def _security(right: str | None, open_to_read: bool) -> list[Json]:
    if right is None:
        return []
    signed_in: list[Json] = [{name: []} for name in schemas.SECURITY]
    return [{}, *signed_in] if right == "read" and open_to_read else signed_in


def _parameters(path: str, endpoint: Endpoint, examples: Mapping[str, str]) -> Iterator[Json]:
    for part in PATH_PART.findall(path):
        yield _parameter(part.lower(), "path", "", endpoint.at.get(part), examples)
    for name, meaning in endpoint.fields.items() if endpoint.method == "GET" else ():
        if not PATH_PART.fullmatch(name):  # COLUMN stands for names that the database has
            yield _parameter(name, "query", meaning, endpoint.example.get(name), examples)


def _parameter(name: str, place: str, meaning: str, example: str | None, examples: Mapping[str, str]) -> Json:
    kind = schemas.parameter_schema(name)
    parameter: Json = {"name": name, "in": place, "required": place == "path", "schema": kind}
    if place == "path" and kind == schemas.TEXTS:
        parameter["schema"] = {"type": "string", "minLength": 1}
    if meaning:
        parameter["description"] = meaning
    value = examples.get(example, example) if example is not None else None
    if value is not None and not value.startswith("{"):
        is_number = kind.get("type") == "integer"
        parameter["example"] = int(value) if is_number and value.isdigit() else value
    return parameter


def _bodies(endpoint: Endpoint) -> Json:
    """The fields of a POST by content type."""
    is_upload = any(value.startswith("@") for value in endpoint.example.values())
    names = [name for name in endpoint.fields if not BY_PATTERN.search(name)]
    patterns = {
        "^" + BY_PATTERN.sub("[0-9]+", name) + "$": endpoint.fields[name]
        for name in endpoint.fields
        if name not in names
    }
    bodies: Json = {}
    for media in (schemas.JSON, schemas.FORM, schemas.MULTIPART):
        kind = PLAIN if media == schemas.JSON else schemas.TEXTS
        schema: Json = {"type": "object", "properties": {}}
        for name in names:
            is_file = media == schemas.MULTIPART and endpoint.example.get(name, "").startswith("@")
            own = {"type": "string", "contentMediaType": schemas.BINARY} if is_file else kind
            schema["properties"][name] = {**own, "description": endpoint.fields[name]}
        if patterns:
            schema["patternProperties"] = {
                pattern: {**kind, "description": text} for pattern, text in patterns.items()
            }
        if media != schemas.MULTIPART or is_upload:
            bodies[media] = {"schema": schema}
    return bodies


def _responses(path: str, endpoint: Endpoint) -> Json:
    """Every status, with its body by content type."""
    content = _content(path, endpoint)
    done: tuple[int, ...] = endpoint.statuses or ((200, 201, 202) if endpoint.method == "POST" else (200,))
    found: Json = {
        str(status): {"description": schemas.DONE[status], "content": content}
        for status in done
        if status < 300
    }
    if endpoint.method == "POST" or endpoint.answer == "page" or PATH_PART.search(path):
        found["302"] = {"description": "To another page, or to this address as Datasette encodes it"}
    failed = [400, 401, 403, 404, 421, 503, *(status for status in done if status >= 400)]
    if endpoint.method == "POST":
        failed += [409, 413, 415, *([405] if PATH_PART.search(path) else [])]
    if path == "/-/login" or endpoint.answer == "stream":
        failed.append(429)
    for status in sorted(failed):
        found[str(status)] = {"$ref": f"#/components/responses/Refused{status}"}
    return found


def _content(path: str, endpoint: Endpoint) -> Json:
    if path == "/manifest.webmanifest":
        return {"application/manifest+json": {"schema": ref("Manifest")}}
    if endpoint.answer == "file":
        return {BINARY_OF.get(path.rpartition(".")[2], schemas.BINARY): {}}
    if endpoint.answer in schemas.MEDIA:
        own = {schemas.JSON: {"schema": ref(schemas.ANSWERS[path])}} if path in schemas.ANSWERS else {}
        if path == "/metrics":  # for a program that asks for it
            own = {schemas.OPENMETRICS: {"schema": schemas.TEXTS}}
        return {schemas.MEDIA[endpoint.answer]: {"schema": schemas.TEXTS}, **own}
    of_rows = path.startswith("/telemetry") and endpoint.method == "GET"
    usual = "Done" if endpoint.method == "POST" else "Rows" if of_rows else "Object"
    content: Json = {schemas.JSON: {"schema": ref(schemas.ANSWERS.get(path, usual))}}
    if endpoint.method == "POST":  # a browser is asked whether it is meant
        content[schemas.HTML] = {"schema": schemas.TEXTS}
    return content


BINARY_OF = {"db": "application/vnd.sqlite3", "eml": "message/rfc822"}


def _merged(first: Json, second: Json) -> Json:
    """One operation of two records of an address: SQL at /telemetry.json, without it what there is."""
    known = {(one["name"], one["in"]) for one in first["parameters"]}
    more = [one for one in second["parameters"] if (one["name"], one["in"]) not in known]
    content = first["responses"]["200"]["content"][schemas.JSON]
    content = {"schema": {"anyOf": [content["schema"], ref("Database")]}}
    answer = {**first["responses"]["200"], "content": {schemas.JSON: content}}
    return {
        **first,
        "description": f"{first['description']} Without parameters: {second['summary']}.",
        "parameters": [*first["parameters"], *more],
        "responses": {**first["responses"], "200": answer},
    }
