"""Hostile requests: every route with every right, a fuzzer, malformed HTTP, foreign names, guesses."""

import random
import re
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urlencode

from fault_tools import expect
from hostile_tools import ATTACKER, FORM, OWNER, PASSWORD, RIGHTS, Site, watched

HIDDEN = ("audit", "sessions")  # tables that anonymous visitors, or all, may not read
ODD = (
    *(
        "",
        "x",
        "-1",
        "0",
        "1",
        "9" * 25,
        "1e400",
        "nan",
        "inf",
        "\x00",
        "é",
        "🔋",
        "'",
        '"',
        "[]",
        "{}",
        "null",
        "--",
    ),
    *(
        "a,b",
        "rowid",
        "select 1",
        "=1+1",
        "../..",
        "%",
        "%zz",
        "~zz",
        "\n",
        "\r\n",
        "a" * 300,
        "a" * 5000,
        "0x10",
    ),
    *(
        "1_000",
        "١",
        "2026-13-45",
        "2026-02-30",
        "9999-12-31T23:59:59.999Z",
        "24h",
        "-5 h",
        "99999999999 y",
        "%s",
    ),
    *(
        "{{7*7}}",
        "\u202e",
        "-0",
        "1.5",
        "9223372036854775808",
        "\ud800",
        "x" * 40_000,
        "{%",
        "a\tb",
        "1 h",
        "on",
    ),
)
PARAMETERS = (
    "_next _sort _sort_desc _size _col _nocol _facet _facet_array _facet_date _facet_size _search "
    "_where _through _label _labels _json _shape _nl _trace _ttl _timelimit _stream _header _dl "
    "_nofacet _nocount _extra _format _filter_column _filter_op _filter_value _blob_column _hide_sql "
    "_show_sql _chart _edit sql next q range since until page sort kind event ups month per node type "
    "before tab keepalive wrong gateway sensor channel days"
).split()
OPERATIONS = (
    "exact not contains startswith gt gte lt like notlike glob in notin arraycontains date isnull".split()
)
SUFFIXES = ("", "", "", ".json", ".csv", ".blob", ".xml", "/", "//", "/x", "%00", "%2f", "/..", "%ff", "~ff")
BODIES = (
    (
        FORM,
        lambda rnd, fields: urlencode({name: odd(rnd) for name in fields}, errors="surrogatepass").encode(),
    ),
    ({"content-type": "application/json"}, lambda rnd, fields: json_body(rnd, fields)),
    ({"content-type": "multipart/form-data; boundary=b"}, lambda rnd, fields: multipart(rnd, fields)),
    ({"content-type": "text/plain"}, lambda rnd, fields: odd(rnd).encode("utf-8", "surrogatepass")),
    ({}, lambda rnd, fields: rnd.randbytes(rnd.randrange(2000))),
)
RAW = (
    b"GET / HTTP/9.9\r\n\r\n",
    b"\x00" * 5000,
    b"GET " + b"/a" * 40_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: localhost\r\n" + b"x: y\r\n" * 20_000 + b"\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /x",
    b"POST /-/orders HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n",
    b"POST /-/orders HTTP/1.1\r\nhost: localhost\r\ncontent-length: -5\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"t" * 200,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET http://other.example/ HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"GET /%ed%a0%80 HTTP/1.1\r\nhost: localhost\r\ncookie: ds_actor=\xff\xfe; a\r\n\r\n",
)


def matrix(site, options, read="anyone"):
    """Every route of /api.json, asked for with every right, a wrong token and none at all."""
    routes, wrong, asked = site.routes(), [], 0
    for method, path, right, _ in routes:
        for caller in ("anonymous", "wrong token", "none", *RIGHTS, "all"):
            headers = {} if caller == "anonymous" else site.auth(caller)
            if caller == "wrong token":
                headers = {"authorization": "Bearer wrong-token-0123456789"}
            answer = site.request(method, path, {**FORM, **headers}, b"" if method == "POST" else None)
            asked += 1
            if fault := verdict(answer.status, method, right, caller, read):
                wrong.append(f"{method} {path} as {caller}: {answer.status}, {fault}")
        for other in {"PUT", "DELETE", "PATCH"}:
            asked += 1
            if (status := site.request(other, path, site.auth("all")).status) not in (404, 405):
                wrong.append(f"{other} {path}: {status}")
    for table in HIDDEN:
        for path in (
            f"/telemetry/{table}.json",
            f"/telemetry.json?sql=select+*+from+{table}",
            f"/telemetry/{table}",
        ):
            asked += 1
            if (status := site.get(path).status) not in (400, 401, 403, 404):
                wrong.append(f"GET {path} as anonymous: {status}")
    expect(not wrong, f"{len(wrong)} of {asked} wrong: " + "; ".join(wrong[:5]))
    return f"{asked} requests for {len(routes)} routes, each refused or admitted as its right says"


def verdict(status, method, right, caller, read):
    """What is wrong about a status; None where it is right."""
    if status == 0 or status >= 500:
        return "failed"
    if caller == "wrong token":
        return None if status == 401 else "a wrong token is refused"
    known = caller != "anonymous"
    admitted = {None: True, "read": known or read == "anyone", "signed-in": known}.get(
        right, caller in (right, "all")
    )
    if admitted and status in (401, 403) and right is not None:
        return f"has the right {right}"
    return None if admitted or status in (302, 401, 403) else f"lacks the right {right}"


def matrix_signed_in(site, options):
    """The same where reading needs a sign-in."""
    site.stop("web")
    site.write_config(read="signed-in")
    site.start("web")
    try:
        return matrix(site, options, read="signed-in")
    finally:
        site.stop("web")
        site.write_config()
        site.start("web")


def odd(rnd):
    return rnd.choice(ODD)


def json_body(rnd, fields):
    deep = rnd.choice(
        ("null", "1", "[" * 3000 + "]" * 3000, '"\\ud800"', '{"a": 1e999}', "[{}, []]", "{", "NaN")
    )
    return ("{" + ", ".join(f'"{name}": {deep}' for name in fields or ["x"]) + "}").encode()


def multipart(rnd, fields):
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{one}"; filename="{odd(rnd)[:9]}"'
        f"\r\n\r\n{odd(rnd)}\r\n"
        for one in fields
    ]
    return ("".join(parts) + rnd.choice(("--b--\r\n", "--b", ""))).encode("utf-8", "surrogatepass")


def encoded(rnd, text):
    raw = text.encode("utf-8", "surrogatepass")
    return quote(raw, safe="" if rnd.random() < 0.8 else "/~-_.%=&")


def fuzzed(rnd, routes, tables):
    """(method, path, headers, body) of one request."""
    method, path, _, fields = rnd.choice(routes)
    headers = dict(rnd.choice(({}, {}, {"accept": "text/html"}, Site.auth("all"), Site.auth("none"))))
    body = None
    if method == "POST" and rnd.random() < 0.7:
        kind, make = rnd.choice(BODIES)
        headers |= {**Site.auth("all"), **kind}
        chosen = rnd.sample(fields, rnd.randrange(len(fields) + 1)) if fields else ["x"]
        body = make(rnd, [name for name in chosen if name != "confirm"])
    elif rnd.random() < 0.4:
        table, columns = rnd.choice(tables)
        method, path = "GET", f"/telemetry/{table}"
        if rnd.random() < 0.3:
            path += "/" + encoded(rnd, odd(rnd))
        fields = [f"{column}__{operation}" for column in columns for operation in OPERATIONS]
    elif rnd.random() < 0.4:
        path = re.sub(r"/1(?=/|$)", lambda _: "/" + encoded(rnd, odd(rnd)), path)
    query = [(rnd.choice([*PARAMETERS, *fields]), odd(rnd)) for _ in range(rnd.choice((0, 1, 1, 2, 3)))]
    path += rnd.choice(SUFFIXES)
    if query:
        path += "?" + "&".join(f"{quote(name)}={encoded(rnd, value)}" for name, value in query)
    return method, re.sub(r"[\x00-\x20\x7f]|[^\x00-\x7f]", "_", path), headers, body


def fuzz(site, options):
    """Requests by chance, over all routes, tables, parameters and bodies."""
    rnd = random.Random(options.seed)
    routes = [one for one in site.routes() if one[1] not in ("/-/logout", "/-/maintenance/1")]
    named = site.sees("select m.name as t, c.name as c from sqlite_master m, pragma_table_info(m.name) c")
    tables = [
        (table, [row["c"] for row in named if row["t"] == table]) for table in {row["t"] for row in named}
    ]
    tables.sort()
    requests = [fuzzed(rnd, routes, tables) for _ in range(options.requests)]
    with watched(site, options) as watch, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda one: site.request(*one, source=ATTACKER), requests))
    pairs = list(zip(requests, answers, strict=True))
    statuses = Counter(answer.status for answer in answers)
    failed = [(a.status, r[0], r[1][:150]) for r, a in pairs if a.status in (0, 500, 502, 504)]
    slow = sorted(
        ((a.seconds, r[0], r[1][:150]) for r, a in pairs if a.seconds > options.request_s), reverse=True
    )
    slowest = max(answer.seconds for answer in answers)
    shown = f"{len(answers)} requests, slowest {slowest:.2f} s, {dict(sorted(statuses.items()))}"
    errors = site.errors() if failed else ""
    slower = f"; {len(slow)} over {options.request_s} s, such as {slow[:4]}" if slow else ""
    expect(not failed, f"{shown}: {len(failed)} failed, such as {failed[:4]}{slower}; {errors}")
    expect(not slow, f"{shown}{slower}")
    return watch.result(shown)


def malformed(site, options):
    """Bytes that are no HTTP, or nearly."""
    answers = Counter()
    with watched(site, options) as watch:
        for raw in RAW:
            with socket.create_connection(
                ("127.0.0.1", site.port), 15, source_address=(ATTACKER, 0)
            ) as client:
                try:
                    client.sendall(raw)
                    first = client.recv(200)
                except OSError:
                    first = b""
                answers[first[9:12].decode("latin-1") or "closed"] += 1
                expect(b" 500 " not in first, f"500 for {raw[:60]!r}")
    return watch.result(f"{len(RAW)} kinds: {dict(answers)}")


def foreign_names(site, options):
    """Host names of elsewhere (DNS rebinding), and forms that other sites send."""
    for host in ("evil.example.com", "localhost.evil.com", "127.0.0.1.nip.io", "a b", "[::1", "local.evil"):
        status = site.request("GET", "/", {"host": host}).status
        expect(status in (400, 421), f"Host: {host} is answered with {status}")
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"origin": "http://evil.example.com"},
        {"origin": "null"},
    ):
        for path in ("/-/login", "/-/orders", "/-/settings"):
            answer = site.post(path, {"username": "owner", "password": PASSWORD}, headers)
            expect(answer.status in (400, 401, 403), f"POST {path} with {headers}: {answer.status}")
            expect("ds_actor" not in answer.headers.get("set-cookie", ""), f"{headers} signs in")
    return "other hosts are refused, and what other sites send"


def guessed_passwords(site, options):
    """Wrong passwords and tokens from an attacker, and from the owner's address: the owner gets in."""
    cookies = sign_in(site, {})
    expect(cookies, "the owner cannot sign in")
    with ThreadPoolExecutor(8) as pool:
        tries = [pool.submit(sign_in, site, {}, f"wrong {number}", ATTACKER) for number in range(40)]
        expect(not any(one.result() for one in tries), "a wrong password signs in")
    device = {name: value for name, value in cookies.items() if name not in ("ds_actor", "ds_csrftoken")}
    began = time.monotonic()
    signed_in = sign_in(site, device)
    waited = time.monotonic() - began
    expect(signed_in, f"the owner's browser is kept out after 40 wrong tries of others ({waited:.1f} s)")
    wrong = {"authorization": "Bearer wrong-token-0123456789"}
    refused = Counter(site.get("/", wrong).status for _ in range(30))
    status = site.get("/", site.auth("all")).status
    expect(status == 200, f"a right token gets {status} after 30 wrong ones of its address ({dict(refused)})")
    rows = site.sees("select count(*) as n from audit")[0]["n"]
    return f"the owner signs in after {waited:.1f} s, the right token is taken; {rows} rows of audit"


def sign_in(site, cookies, password=PASSWORD, source=OWNER):
    """The cookies after signing in as owner; None where that fails."""
    cookies = dict(cookies)
    form = site.get("/-/login", cookie_header(cookies), source=source)
    add_cookies(cookies, form)
    token = re.search(rb'name="csrftoken" value="([^"]*)"', form.body)
    fields = {"username": "owner", "password": password, "csrftoken": token[1].decode() if token else ""}
    headers = {**cookie_header(cookies), "accept": "text/html", "origin": f"http://127.0.0.1:{site.port}"}
    answer = site.post("/-/login", fields, headers, source=source)
    add_cookies(cookies, answer)
    return cookies if answer.status == 302 and "ds_actor" in cookies else None


def cookie_header(cookies):
    return {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {}


def add_cookies(cookies, answer):
    for name, value in re.findall(r"(?:^|, )(\w+)=([^;,]*)", answer.headers.get("set-cookie", "")):
        cookies[name] = value


ATTACKS = (matrix, matrix_signed_in, foreign_names, malformed, fuzz, guessed_passwords)
