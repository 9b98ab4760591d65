"""`voltkeeper check --url`: requests the pages and queries of a running site and reports each."""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

REMEDY = "is this Voltkeeper's site?"
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


@dataclass(frozen=True)
class HttpTiming:
    """Seconds: until an answer is given up, and from which on one is called slow."""

    answer_s: float = 20.0
    slow_s: float = 3.0


TIMING = HttpTiming()


class Answer(NamedTuple):
    """What is wrong with an answer ('' for nothing), its body, and how long it took in seconds."""

    fault: str
    body: bytes
    seconds: float


def check_site(url: str, write: Callable[[str], object] = print, timing: HttpTiming = TIMING) -> int:
    """Request each page and query of the site at `url`. Return 0 when all answered well, else 1."""
    url = url.rstrip("/") if "://" in url else f"http://{url.rstrip('/')}"
    failed, queries = 0, []
    for path in PAGES:
        answer = fetch(url + path, timing)
        failed += _write_line(path, answer, write, timing)
        if path == "/telemetry.json" and not answer.fault:
            queries = [
                query["name"]
                for query in json.loads(answer.body).get("queries", [])
                # One that a user saved may be slow, or for signed-in users: that is no fault of the site.
                if not query.get("write") and not query.get("saved")
            ]
        if answer.fault.startswith("no answer"):
            write(
                f"Nothing answers at {url}: is Voltkeeper running (`voltkeeper status`), "
                "is the address right?"
            )
            return 1
    for name in queries:
        answer = fetch(f"{url}/telemetry/{name}.json?_shape=array", timing)
        failed += _write_line(f"/telemetry/{name}.json", answer, write, timing)
    return 1 if failed else 0


def _write_line(path: str, answer: Answer, write: Callable[[str], object], timing: HttpTiming) -> bool:
    slow = f", slow: {answer.seconds:.1f} s" if answer.seconds > timing.slow_s else ""
    write(f"FAILED  {path}: {answer.fault}" if answer.fault else f"ok      {path}{slow}")
    return bool(answer.fault)


def fetch(url: str, timing: HttpTiming = TIMING) -> Answer:
    """Request an address. An address that ends in .json has to answer with JSON that reports no error."""
    start, body = time.monotonic(), b""
    try:
        with urllib.request.urlopen(url, timeout=timing.answer_s) as response:
            body, kind = response.read(), response.headers.get_content_type()
        fault = _body_fault(url, body, kind)
    except urllib.error.HTTPError as error:
        fault = f"HTTP {error.code} {error.reason}; the log of the site has the reason"
        if error.code in (401, 403):
            fault = f"HTTP {error.code}: signing in is needed (access: {{read: signed-in}} in config.yml)"
    except http.client.HTTPException:
        fault = f"the answer is not HTTP: {REMEDY}"
    except (OSError, ValueError) as error:
        fault = f"no answer: {getattr(error, 'reason', error)}"
    return Answer(fault, body, time.monotonic() - start)


def _body_fault(url: str, body: bytes, kind: str) -> str:
    if not url.split("?")[0].endswith(".json"):
        return "" if b"<html" in body.lower() else f"answers with {kind}, not with a page: {REMEDY}"
    try:
        values = json.loads(body)
    except ValueError:
        return f"answers with {kind}, not with JSON: {REMEDY}"
    if isinstance(values, dict) and (values.get("ok") is False or values.get("error")):
        return f"answers with an error: {values.get('error') or values.get('errors')}"
    return ""
