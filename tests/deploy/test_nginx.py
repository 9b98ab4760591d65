"""Debian's nginx with the shipped files: HTTPS on its own host name, and below /volt/."""

import html
import http.client
import os
import re
import shutil
import ssl
import subprocess
import urllib.parse
import uuid
from pathlib import Path

import pytest
from datasette_auth_passwords.utils import hash_password

from tests.helpers.demo_gateway import running_gateway

ROOT = Path(__file__).resolve().parents[2]
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
PASSWORD = "correct horse"
LINK = re.compile(r'\b(?:href|src)="([^"#]*)')

if NGINX is None or shutil.which("openssl") is None:
    if os.environ.get("CI"):
        pytest.fail("CI has to install nginx-light and openssl", pytrace=False)
    pytest.skip("no nginx or openssl on this machine: apt install nginx-light", allow_module_level=True)

AROUND = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
{user}
events {{ worker_connections 64; }}
http {{
    include /etc/nginx/mime.types;
    access_log off;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    {servers}
}}
"""


class Browser:
    """An HTTP client with an origin and cookies that does not follow redirects."""

    def __init__(self, port, encrypted):
        self.origin = f"{'https' if encrypted else 'http'}://127.0.0.1:{port}"
        self._context = ssl._create_unverified_context() if encrypted else None
        self._port = port
        self.cookies = {}

    def ask(self, method, path, body=None, **headers):
        if self._context:
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self._port, timeout=20, context=self._context
            )
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection.request(method, path, body, {"accept": "text/html", **headers})
        answer = connection.getresponse()
        answer.text = answer.read().decode(errors="replace")
        answer.set_cookies = answer.headers.get_all("set-cookie") or []
        for cookie in answer.set_cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        connection.close()
        return answer

    def get(self, path):
        answer = self.ask("GET", path)
        assert answer.status == 200, (path, answer.status, answer.text[:500])
        return answer

    def links(self, path):
        """The paths of the links on the page, resolved by the origin; links to other sites are omitted."""
        page = self.get(path)
        found = (
            urllib.parse.urljoin(self.origin + path, html.unescape(link)) for link in LINK.findall(page.text)
        )
        return {link.removeprefix(self.origin) for link in found if link.startswith(self.origin)}

    def send_multipart(self, path, **fields):
        boundary = uuid.uuid4().hex
        body = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n{value}\r\n'
            for name, (value, file) in (
                (name, pair if isinstance(pair, tuple) else (pair, "")) for name, pair in fields.items()
            )
        )
        kind = f"multipart/form-data; boundary={boundary}"
        return self.ask(
            "POST", path, (body + f"--{boundary}--\r\n").encode(), Content_Type=kind, Origin=self.origin
        )


@pytest.fixture(params=["site", "prefix"])
def proxied(request, start, voltkeeper, write_config, wait_for, free_port, tmp_path, monkeypatch):
    """(Browser, prefix, port for HTTP) of nginx in front of a site that requires a login."""
    below = request.param == "prefix"
    site, front, plain = free_port(), free_port(), free_port()
    with running_gateway(port=0, boot=True) as gateway:
        write_config(
            "title: Hill house\ndatabase: house.db\n"
            f"gateways: [{{name: main, tcp: '127.0.0.1:{gateway.port}'}}]\n"
            f"web: {{port: {site}, base_url: {'/volt/' if below else '/'}, proxies: [127.0.0.1]}}\n"
            "access: {read: signed-in, people: [{name: owner, password_hash: {$env: OWNER}, "
            "may: [edit, order, upload]}]}"
        )
        program = voltkeeper("up", OWNER=hash_password(PASSWORD, iterations=1000))
        wait_for(lambda: "Voltkeeper is at" in program.text, timeout=40)
        text = (ROOT / f"deploy/nginx/{request.param}.conf").read_text()
        assert text.count("/opt/voltkeeper/deploy") == 1 and text.count("127.0.0.1:8001") == 1
        text = text.replace("/opt/voltkeeper", str(ROOT)).replace("127.0.0.1:8001", f"127.0.0.1:{site}")
        if below:
            text = f"server {{ listen 127.0.0.1:{front}; {text} }}"
        else:
            make_certificate(tmp_path)
            text = re.sub(r"listen \[::\].*\n", "", text)
            text = text.replace("listen 443", f"listen 127.0.0.1:{front}").replace(
                "listen 80", f"listen 127.0.0.1:{plain}"
            )
            text = re.sub(r"/etc/letsencrypt/live/[a-z.]+", str(tmp_path), text)
        user = "user root;" if os.geteuid() == 0 else ""
        (tmp_path / "nginx.conf").write_text(AROUND.format(folder=tmp_path, servers=text, user=user))
        nginx = start(
            NGINX, "-p", tmp_path, "-c", tmp_path / "nginx.conf", "-e", tmp_path / "nginx-error.log"
        )
        browser = Browser(front, encrypted=not below)

        def reached():
            assert nginx.process.poll() is None, nginx.text + (tmp_path / "nginx-error.log").read_text()
            try:
                return browser.ask("GET", "/volt/-/login" if below else "/-/login").status == 200
            except OSError:
                return False

        wait_for(reached)
        yield browser, "/volt" if below else "", plain
        assert program.end() == 0
        nginx.end(15)


def make_certificate(folder):
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=house.example.net",
            "-keyout",
            folder / "privkey.pem",
            "-out",
            folder / "fullchain.pem",
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )


def token(page):
    return html.unescape(re.search(r'name="csrftoken" value="([^"]+)"', page.text)[1])


def sign_in(browser, prefix):
    """Sign in with the form of the page that a redirect leads to."""
    answer = browser.ask("GET", f"{prefix}/nodes")
    assert answer.status == 302
    where = urllib.parse.urlsplit(answer.headers["location"])
    assert where.path == f"{prefix}/-/login"
    page = browser.get(f"{where.path}?{where.query}")
    action = re.search(r'<form class="form" action="([^"]*/-/login)"', page.text)[1]
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]+)"', page.text))
    fields = {name: html.unescape(value) for name, value in fields.items()} | {
        "username": "owner",
        "password": PASSWORD,
    }
    body = urllib.parse.urlencode(fields)
    answer = browser.ask(
        "POST", action, body, Content_Type="application/x-www-form-urlencoded", Origin=browser.origin
    )
    assert (answer.status, answer.headers["location"]) == (302, f"{prefix}/nodes")
    return answer


def test_signing_in_forms_and_csv_through_nginx(proxied, wait_for):
    browser, prefix, plain = proxied
    answer = sign_in(browser, prefix)
    cookie = next(cookie for cookie in answer.set_cookies if cookie.startswith("ds_actor="))
    assert ("secure" in cookie.lower()) == browser.origin.startswith("https:")
    if not prefix:
        redirect = Browser(plain, encrypted=False).ask("GET", "/nodes?q=1")
        assert (redirect.status, redirect.headers["location"]) == (301, "https://127.0.0.1/nodes?q=1")

    node = f"{prefix}/nodes/main/7"
    wait_for(lambda: browser.ask("GET", node).status == 200, timeout=20)
    page = browser.get(node)
    # A multipart form, sent to the form's action; it redirects to the page of the form.
    action = re.search(r'action="([^"]+set_location)"', page.text)[1]
    number = re.search(r'name="node" value="(\d+)"', page.text)[1]
    done = browser.send_multipart(
        action, csrftoken=token(page), node=number, location="green house", next=node
    )
    assert (done.status, done.headers["location"]) == (302, node)
    assert "green house" in browser.get(node).text
    without = browser.send_multipart(action, node=number, location="x")
    assert without.status == 403
    large = browser.send_multipart(action, csrftoken=token(page), node=number, location="x" * 200_000)
    assert large.status == 413 and "body is larger than" in html.unescape(large.text)

    # A firmware upload, with the form of its page.
    ota = browser.get(f"{prefix}/-/ota")
    action = re.search(r'action="([^"]*/-/ota/firmware)"', ota.text)[1]
    image = ((ROOT / "static/sample.hex").read_text().replace("\n", "\r\n"), '; filename="sample.hex"')
    done = browser.send_multipart(action, csrftoken=token(ota), type="10", version="4", file=image)
    assert (done.status, urllib.parse.urlsplit(done.headers["location"]).path) == (302, f"{prefix}/-/ota")
    assert "sample.hex" in browser.get(f"{prefix}/-/ota").text

    for path in (
        f"{prefix}/",
        f"{prefix}/nodes",
        node,
        f"{prefix}/telemetry/nodes",
        f"{prefix}/telemetry/node_overview",
    ):
        links = browser.links(path)
        assert [link for link in links if not link.startswith(f"{prefix}/")] == []
        tables = sorted(link for link in links if ".csv" in link)
        assert tables, path
        for link in tables:
            answer = browser.get(link)
            assert answer.headers["content-type"].startswith(("text/plain", "text/csv")), link
            assert "," in answer.text.splitlines()[0], link
        for link in (link for link in links if "/static" in link or "/-/static" in link):
            browser.get(link)
    assert browser.ask("GET", f"{prefix}/-/logout").status == 200


def test_wrong_passwords_are_limited_by_client_address(proxied):
    browser, prefix, _ = proxied
    page = browser.get(f"{prefix}/-/login")
    body = {"username": "x", "password": "wrong", "csrftoken": token(page)}
    answers = []
    # nginx replaces the address that a client puts into X-Forwarded-For. From the tenth on each failure
    # doubles the wait, so that a machine that needs seconds for an answer comes to the limit, too.
    while 429 not in answers and len(answers) < 20:
        number = len(answers)
        encoded = urllib.parse.urlencode({**body, "username": f"x{number}"})
        answer = browser.ask(
            "POST",
            f"{prefix}/-/login",
            encoded,
            Content_Type="application/x-www-form-urlencoded",
            X_Forwarded_For=f"192.0.2.{number}",
        )
        answers.append(answer.status)
    assert set(answers[:10]) == {401}
    assert answers[-1] == 429
