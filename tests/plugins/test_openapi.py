"""/openapi.json is valid and whole, and requests that are generated from it find no other answer."""

import re
from datetime import timedelta

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import validate
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ingest.config.access import Access, Token
from tests.plugins.site_helpers import bearer

TOKEN = "every-right-0123456789"
ACCESS = Access(tokens=(Token("all", TOKEN, frozenset({"edit", "order", "upload", "maintain"})),))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# The stream lasts; a copy of the database is a file of its own each time.
LONG = ("/-/events.stream", "/-/maintenance/backup.db")
TEMPLATED = re.compile(r"\{(\w+)\}")


@pytest.fixture(scope="module")
def site(module_site):
    return module_site(access=ACCESS)


@pytest.fixture(scope="module")
def document(site):
    return site.get("/openapi.json").json()


def test_it_is_valid_and_has_what_api_json_has(site, document):
    validate(document)
    assert document["openapi"].startswith("3.1")
    metrics = site.get("/metrics", headers={"accept": "application/openmetrics-text"}).headers["content-type"]
    assert metrics.partition(";")[0] in document["paths"]["/metrics"]["get"]["responses"]["200"]["content"]
    calls = site.get("/api.json").json()["calls"]
    for call in calls:
        path = re.sub(r"[A-Z][A-Z_]+", lambda part: "{" + part[0].lower() + "}", call["path"])
        operation = document["paths"][path][call["method"].lower()]
        parts = [one["name"] for one in operation["parameters"] if one["in"] == "path"]
        assert parts == TEMPLATED.findall(path), path
        if call["right"] not in (None, "read"):
            assert operation["security"] == [{"bearer": []}, {"cookie": []}], path
        queried = {one["name"] for one in operation["parameters"] if one["in"] == "query"}
        if call["method"] == "GET":
            assert queried >= set(call["fields"]) - {"COLUMN"}, path
        elif call["fields"]:
            body = operation["requestBody"]["content"]["application/json"]["schema"]
            assert len(body["properties"]) + len(body.get("patternProperties", ())) == len(call["fields"])
    shown = {(path, method) for path, methods in document["paths"].items() for method in methods}
    queries = [call for call in calls if call["method"] == "POST" and call["path"].startswith("/telemetry")]
    forms = {(path, "get") for path in ("/-/logout", *(call["path"] for call in queries))}
    assert forms < shown and len(shown - forms) == len({(call["method"], call["path"]) for call in calls})


def test_the_site_that_is_closed_says_so(make_site):
    closed = make_site(access=Access(read="signed-in", tokens=ACCESS.tokens))
    assert closed.get("/openapi.json").status_code == 401
    found = closed.get("/openapi.json", headers=bearer(TOKEN)).json()["paths"]
    assert {} not in found["/nodes"]["get"]["security"] and found["/-/login"]["get"]["security"] == []


def send(site, case):
    """The answer to a case of schemathesis, within the loop of the site."""
    options = case.as_transport_kwargs(base_url="http://localhost")
    names = ("method", "url", "headers", "params", "data", "json", "files")
    prepared = requests.Request(**{name: options[name] for name in names if name in options}).prepare()
    body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
    headers = {**prepared.headers, **bearer(TOKEN)}
    address = prepared.url.removeprefix("http://localhost")
    response = site.run(
        site.datasette.client.request(prepared.method, address, headers=headers, content=body)
    )
    response.elapsed = timedelta(0)  # a response of an application has none
    return response


def test_no_answer_is_undocumented(site, document):
    wrong = []
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = found.ok()
        if operation.path in LONG:
            continue

        @settings(
            max_examples=1,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
        def ask(case):
            case.validate_response(send(site, case), checks=CHECKS)

        try:
            ask()
        except Exception as error:  # every operation is tried, and all that is wrong is shown at once
            wrong.append(f"{operation.label}: {error}")
    assert not wrong, "\n\n".join(wrong)
