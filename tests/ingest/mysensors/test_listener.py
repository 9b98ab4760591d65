"""Gateways that dial in: who is let in, what a second connection means, what the status tells."""

import socket
import time
from contextlib import closing

import pytest

from ingest.config.loader import ConfigError
from ingest.mysensors.peers import is_allowed, parse_network, parse_peer
from tests.helpers.config_text import parse_config
from voltkeeper.check.sources import probe_gateway

GREETING = b"0;255;3;0;14;Gateway startup complete.\n0;255;0;0;17;2.3.2\n"
STATUS = "select 1 from ingest_status where state = ? and detail like ?"
WAITING = "waiting for the gateway to dial in%"


def free_port(host="127.0.0.1"):
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as server:
        return server.getsockname()[1]


class Dialler:
    """A gateway in client mode."""

    def __init__(self, port, host="127.0.0.1", source=None):
        self.socket = socket.create_connection((host, port), 10, (source, 0) if source else None)

    def say(self, data):
        self.socket.sendall(data)
        return self

    def is_closed(self, seconds=5.0):
        """Whether it is closed, whatever was sent before."""
        self.socket.settimeout(seconds)
        try:
            while self.socket.recv(4096):
                pass
        except TimeoutError:
            return False
        except ConnectionError:
            return True
        return True

    def heard(self, line):
        self.socket.settimeout(10)
        data = b""
        while line not in data:
            more = self.socket.recv(4096)
            assert more, data
            data += more
        return True


@pytest.fixture
def dial():
    """Makes diallers, which live as long as the test."""
    made = []

    def make(*keys, **more):
        made.append(Dialler(*keys, **more))
        return made[-1]

    yield make
    for dialler in made:
        dialler.socket.close()


def is_refused(port, source=None):
    """Whether a connection is closed without a byte."""
    try:
        with closing(Dialler(port, source=source).socket) as connection:
            return connection.recv(1) == b""
    except ConnectionError:  # already while it is opened
        return True


@pytest.fixture
def port():
    return free_port()


def listening(site, port, *sources, host="127.0.0.1"):
    return site.config({"listen": f"{host}:{port}", "sources": sources})


def test_a_gateway_dials_in_is_answered_and_is_waited_for_again(site, port, dial):
    def play():
        site.wait(STATUS, "connecting", WAITING)
        with closing(dial(port).say(GREETING + b"12;255;3;0;6;0\n255;79;3;0;3;\n").socket):
            site.wait(STATUS, "connected", "connected")
        site.wait(STATUS, "lost", "the gateway closed the connection; " + WAITING)
        again = dial(port).say(GREETING + b"12;255;3;0;6;0\n")
        assert again.heard(b"12;255;3;0;6;M\n")
        site.wait(STATUS, "connected", "connected")

    site.live(listening(site, port, "127.0.0.1"), play)
    assert site.rows("select event, json_extract(figures, '$.count') from events") == [("GATEWAY_LOST", 1)]
    assert site.rows("select address from gateways") == [(f"listen 127.0.0.1:{port}",)]
    assert site.rows("select connects, refused from ingest_status") == [(2, 0)]


@pytest.mark.parametrize("sources", [(), ("192.0.2.1",), ("10.0.0.0/8", "2001:db8::/32")])
def test_who_is_not_listed_is_closed_counted_and_logged_once(site, port, sources, caplog):
    def play():
        site.wait("select 1 from ingest_status where detail <> ''")
        for _ in range(5):
            assert is_refused(port)
        site.wait("select 1 from ingest_status where refused > 0")
        return site.rows("select state, detail from ingest_status")

    site.timing = site.timing.__class__(writer=site.timing.writer, heartbeat_s=0.1)
    [(state, detail)] = site.live(listening(site, port, *sources), play)
    assert site.rows("select refused, connects, received from ingest_status") == [(5, 0, 0)]
    refusals = [record.message for record in caplog.records if "127.0.0.1 " in record.message]
    assert len(refusals) == 1
    if sources:
        assert detail.startswith("waiting for") and "127.0.0.1 is not listed under from:" in detail
    else:
        assert (state, detail) == (
            "lost",
            "nobody is let in: from: names no address; add that of the gateway",
        )


def test_a_redial_from_the_same_address_replaces_the_connection_before(site, port, dial):
    def play():
        site.wait(STATUS, "connecting", WAITING)
        old = dial(port).say(GREETING + b"12;1;1;0;0;1\n12;1;1;0;0;2")  # its power fails in a line
        site.wait("select 1 from readings")
        new = dial(port).say(GREETING)
        assert old.is_closed()
        new.say(b"12;1;1;0;0;3\n12;1;2;0;0;\n")
        assert new.heard(b"12;1;1;0;0;3\n")
        site.wait("select 1 where (select count(*) from readings) = 2")
        return site.rows("select state from ingest_status")

    assert site.live(listening(site, port, "127.0.0.0/8"), play) == [("connected",)]
    assert site.column("select value from readings order by id") == [1, 3]
    assert site.rows("select detail, json_extract(figures, '$.count') from events") == [
        ("the gateway dialled in anew", 1)
    ]
    assert site.column("select raw from rejects") == ["12;1;1;0;0;2"]


def test_another_address_is_refused_while_the_gateway_is_heard_and_let_in_when_it_is_silent(site, port, dial):
    site.set_gateway_times(idle_timeout_s=1.5, keepalive_s=100)

    def play():
        site.wait(STATUS, "connecting", WAITING)
        first = dial(port).say(GREETING)
        site.wait(STATUS, "connected", "connected")
        assert is_refused(port, "127.0.0.2")
        assert not first.is_closed(0.1)
        time.sleep(1.6)
        dial(port, source="127.0.0.2").say(b"12;1;1;0;0;7\n")
        site.wait("select 1 from readings")
        assert first.is_closed()

    site.live(listening(site, port, "127.0.0.0/8"), play)
    assert site.rows("select refused, connects from ingest_status") == [(1, 2)]


@pytest.mark.parametrize(
    ("host", "peer", "source"), [("[::1]", "::1", "::1"), ("[::]", "127.0.0.1", "127.0.0.1")]
)
def test_ipv6_and_ipv4_by_a_socket_of_ipv6(site, dial, host, peer, source):
    port = free_port("::1")

    def play():
        site.wait(STATUS, "connecting", WAITING)
        dial(port, peer).say(GREETING)
        site.wait(STATUS, "connected", "connected")

    site.live(listening(site, port, source, host=host), play)


def test_a_port_that_is_taken_is_tried_again_with_the_reason(site, port):
    site.set_gateway_times(first_backoff_s=0.05, max_backoff_s=0.1)
    taken = socket.create_server(("127.0.0.1", port))

    def play():
        site.wait(STATUS, "lost", "Address already in use: another program, or another gateway%")
        taken.close()
        site.wait(STATUS, "connecting", WAITING)

    site.live(listening(site, port, "127.0.0.1"), play)


def test_a_gateway_that_does_not_dial_in_is_a_fault_after_a_while(site, port):
    site.set_gateway_times(stable_s=0.2)
    site.live(
        listening(site, port, "127.0.0.1"),
        lambda: site.wait(STATUS, "lost", "waiting%MY_CONTROLLER_IP_ADDRESS%"),
    )


def test_check_tries_the_port(port, tmp_path):
    def probe(text):
        config = parse_config(f"gateways: [{{name: barn, {text}}}]", tmp_path)
        return probe_gateway(config.gateways[0])

    assert probe(f"listen: '127.0.0.1:{port}', from: [127.0.0.1]").ok
    nobody = probe(f"listen: '127.0.0.1:{port}'")
    assert not nobody.ok and "nobody is let in: from: names no address" in nobody.message
    assert "no such address" in probe("listen: '192.0.2.9:5003', from: ['::1']").message
    with socket.create_server(("127.0.0.1", port)):
        assert "Address already in use" in probe(f"listen: '127.0.0.1:{port}', from: [127.0.0.1]").message


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("listen: '5003'", "'5003' is not ADDRESS:PORT, such as 0.0.0.0:5003 or [::]:5003"),
        ("listen: 'gateway:5003'", "is not ADDRESS:PORT"),
        ("listen: '::1:5003'", "is not ADDRESS:PORT"),
        ("listen: '0.0.0.0:70000'", "is not ADDRESS:PORT"),
        ("listen: '0.0.0.0:5003', tcp: 'a:1'", "needs exactly one of"),
        (
            "listen: '0.0.0.0:5003', from: [gateway.local]",
            "'gateway.local' is neither an address nor a network",
        ),
        ("listen: '0.0.0.0:5003', from: [192.168.1.20/24]", "has host bits set"),
        ("tcp: 'a:1', from: [192.168.1.20]", "is for a gateway that dials in (listen:): remove it"),
    ],
)
def test_a_mistake_in_the_config_names_its_remedy(text, problem, tmp_path):
    with pytest.raises(ConfigError) as caught:
        parse_config(f"gateways: [{{name: barn, {text}}}]", tmp_path)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("peer", "listed", "allowed"),
    [
        ("192.168.1.20", "192.168.1.20", True),
        ("192.168.1.21", "192.168.1.20", False),
        ("192.168.1.21", "192.168.1.0/24", True),
        ("::ffff:192.168.1.20", "192.168.1.20", True),
        ("192.168.1.20", "::ffff:192.168.1.20", True),
        ("fe80::1%eth0", "fe80::/10", True),
        ("2001:db8::5", "0.0.0.0/0", False),
        ("203.0.113.9", "::/0", False),
    ],
)
def test_addresses_and_networks_of_both_kinds(peer, listed, allowed):
    assert is_allowed(parse_peer(peer), [parse_network(listed)]) is allowed
