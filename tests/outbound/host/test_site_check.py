"""Whether the site answers: real HTTP servers, and when it counts as down."""

import http.server
import socket
import threading

import pytest

from ingest.config.web import Web
from outbound.host.site_check import SiteAnswers, ask_site, pulse_url


@pytest.fixture
def server():
    """Makes servers that answer with a status, after a pause."""
    made = []

    def make(status, pause_s=0.0):
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if pause_s:
                    threading.Event().wait(pause_s)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_):
                """Say nothing."""

        made.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer))
        threading.Thread(target=made[-1].serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{made[-1].server_port}/"

    yield make
    for one in made:
        one.shutdown()
        one.server_close()


@pytest.mark.parametrize(
    ("status", "reason"),
    [(200, ""), (401, ""), (403, ""), (400, ""), (500, "it answers with status 500"), (503, "it answers")],
)
def test_statuses(server, status, reason):
    assert ask_site(server(status)).startswith(reason)
    assert bool(ask_site(server(status))) == bool(reason)


def test_no_answer(server):
    assert ask_site(server(200, 5), 0.2).startswith("no answer")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    assert ask_site(f"http://127.0.0.1:{port}/") == "no answer: Connection refused"


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x16\x03\x01"])
def test_another_program_on_the_port_is_no_site(answer):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            client, _ = server.accept()
            client.recv(1000)
            client.sendall(answer)
            client.close()

        threading.Thread(target=serve, daemon=True).start()
        assert ask_site(f"http://127.0.0.1:{server.getsockname()[1]}/").startswith("no answer: ")


@pytest.mark.parametrize(
    ("web", "url"),
    [
        (Web(), "http://127.0.0.1:8001/-/pulse.json"),
        (Web(host="0.0.0.0", port=80, base_url="/volt/"), "http://127.0.0.1:80/volt/-/pulse.json"),
        (Web(host="::"), "http://[::1]:8001/-/pulse.json"),
        (Web(port=0), ""),
    ],
)
def test_the_address(web, url):
    assert pulse_url(web) == url


def play(*answers):
    """Answers every 30 s from the start of the process; returns after each whether the site is down."""
    site, found = SiteAnswers(), []
    for number, reason in enumerate(answers):
        site.note(reason, 30.0 * number)
        at = 30.0 * number
        found.append((bool(site.check("http://x/-/pulse.json", at, 0.0)), site.is_known(at)))
    return found


def test_a_site_is_down_after_three_failures_in_a_row():
    up, down, unsure = (False, True), (True, True), (False, False)
    assert play("", "x", "x", "x", "") == [up, unsure, unsure, down, up]
    assert play("", "x", "", "x") == [up, unsure, up, unsure]
    assert play("x", "x", "x", "x", "x") == [unsure, unsure, unsure, unsure, down]
