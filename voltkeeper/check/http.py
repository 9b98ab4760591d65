"""`voltkeeper check --url`: asks a running site for each of its routes and says which answer as they should."""

import http.client
import json
import time
import urllib.error
import urllib.request

TIMEOUT_S = 20
PULSE = "/-/pulse.json"
PAGES = (
    "/",
    "/nodes",
    "/radio",
    "/ups",
    "/energy",
    "/events",
    "/reports",
    "/api",
    "/-/ota",
    "/telemetry.json",
    "/telemetry/ups_controls.json",
    "/telemetry/ups_orders.json",
    PULSE,
)
SLOW_S = 3.0


def check_site(url, say=print):
    """Ask the site at `url`; one line a route. Returns 0 when all answered well, else 1."""
    url = url.rstrip("/") if "://" in url else f"http://{url.rstrip('/')}"
    failed, queries = 0, []
    for path in PAGES:
        fault, body, seconds = fetch(url + path)
        failed += _tell(path, fault, seconds, say)
        if path == "/telemetry.json" and not fault:
            queries = [
                query["name"] for query in json.loads(body).get("queries", []) if not query.get("write")
            ]
        if fault and fault.startswith("no answer"):
            say(
                f"Nothing answers at {url}: is Voltkeeper running (`voltkeeper status`), is the address right?"
            )
            return 1
    for name in queries:
        fault, _, seconds = fetch(f"{url}/telemetry/{name}.json?_shape=array")
        failed += _tell(f"/telemetry/{name}.json", fault, seconds, say)
    return 1 if failed else 0


def _tell(path, fault, seconds, say):
    slow = f", slow: {seconds:.1f} s" if seconds > SLOW_S else ""
    say(f"FAILED  {path}: {fault}" if fault else f"ok      {path}{slow}")
    return bool(fault)


def fetch(url):
    """(what is wrong or None, body, seconds). JSON routes have to answer with JSON that says nothing of errors."""
    start = time.monotonic()
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:
            body, kind = response.read(), response.headers.get_content_type()
    except urllib.error.HTTPError as error:
        return _http_fault(error), b"", time.monotonic() - start
    except http.client.HTTPException:
        return "the answer is not HTTP: is this Voltkeeper's site?", b"", time.monotonic() - start
    except (OSError, ValueError) as error:
        return f"no answer: {getattr(error, 'reason', error)}", b"", time.monotonic() - start
    return _body_fault(url, body, kind), body, time.monotonic() - start


def _http_fault(error):
    if error.code in (401, 403):
        return f"HTTP {error.code}: signing in is needed (access: {{read: signed-in}} in config.yml)"
    return f"HTTP {error.code} {error.reason}; the log of the site says why"


def _body_fault(url, body, kind):
    if not url.split("?")[0].endswith(".json"):
        return (
            None
            if b"<html" in body.lower()
            else f"answers with {kind}, not with a page: is this Voltkeeper's site?"
        )
    try:
        values = json.loads(body)
    except ValueError:
        return f"answers with {kind}, not with JSON: is this Voltkeeper's site?"
    if isinstance(values, dict) and (values.get("ok") is False or values.get("error")):
        return f"says: {values.get('error') or values.get('errors')}"
    return None
