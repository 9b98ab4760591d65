"""TLS to upsd: Debian's, which is built with NSS, and a scripted one for what that does not do."""

import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from ingest.config.model import NutServerSettings, UpsSettings
from ingest.config.nut import NO_TLS, NutTls
from ingest.nut.client import NutClient
from ingest.nut.errors import NutError
from tests.ingest.nut.certificates import Authority, need, nss_database, run
from tests.ingest.nut.lab import PASSWORD, USER, Lab, until
from tests.ingest.nut.scripted import CLOSE, SILENCE, ScriptedUpsd
from tests.ingest.nut.test_commander import Sender
from tests.ingest.ups.test_ups_reader import Reading
from voltkeeper.check.sources import probe_nut, probe_orders

DEVICE = {"variables": {"ups.status": "OL", "ups.load": "10"}, "commands": ["beeper.mute"]}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"), "Another authority")


@pytest.fixture(scope="module")
def lab(authority, tmp_path_factory):
    database = tmp_path_factory.mktemp("nss") / "cert_db"
    conf = nss_database(database, authority.issue("server"), authority.ca)
    with Lab({"rack": DEVICE}, conf=conf) as lab:
        lab.wait("rack")
        yield lab


def read(port: int, tls: NutTls, host: str = "127.0.0.1", **user) -> dict[str, str]:
    with NutClient(host, port, timeout=5, tls=tls, **user) as client:
        return client.list_vars("rack")


def failure(port: int, tls: NutTls, host: str = "127.0.0.1", timeout: float = 5) -> NutError:
    with (
        pytest.raises(NutError) as caught,
        NutClient(host, port, USER, PASSWORD, timeout=timeout, tls=tls) as c,
    ):
        c.list_vars("rack")
    assert PASSWORD not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_certificate_of_a_known_authority_for_this_name_and_address(lab, authority, host):
    assert read(lab.port, NutTls(ca=authority.ca), host)["ups.status"] == "OL"
    with lab.client() as plain:  # upsd goes on to serve whoever asks in plain
        assert plain.list_vars("rack")["ups.status"] == "OL"


def test_the_servers_own_certificate_may_stand_for_its_authority(lab, authority):
    assert read(lab.port, NutTls(ca=authority.folder / "server.pem"))["ups.load"] == "10"


def test_without_verification_any_certificate_is_good(lab):
    assert read(lab.port, NutTls(verify=False))["ups.load"] == "10"


def test_a_user_and_orders_go_through_tls(lab, authority):
    with NutClient("127.0.0.1", lab.port, USER, PASSWORD, tls=NutTls(ca=authority.ca)) as client:
        assert client.can_set("rack") and client.track()
        client.run_command("rack", "beeper.mute")
    assert until(lambda: lab.told("rack"), bool) == ["INSTCMD beeper.mute"]


def test_a_certificate_made_by_certutil_alone(tmp_path):
    """As NUT's manual makes it, with a name in it."""
    need("certutil", "libnss3-tools")
    folder, word, noise, crt = (tmp_path / name for name in ("db", "word", "noise", "nas.crt"))
    folder.mkdir()
    word.write_text("word\n")
    noise.write_bytes(bytes(range(256)) * 8)
    database = ("-d", folder, "-f", word)
    run("certutil", "-N", *database)
    run(
        *("certutil", "-S", *database, "-z", noise, "-n", "upsd", "-s", "CN=localhost", "-x", "-t", "CTu,,"),
        *("-8", "localhost", "-v", 12),
    )
    run("certutil", "-L", *database, "-n", "upsd", "-a", "-o", crt)
    with Lab({"rack": DEVICE}, conf=f'CERTPATH {folder}\nCERTIDENT "upsd" "word"\n') as lab:
        lab.wait("rack")
        assert read(lab.port, NutTls(ca=crt), "localhost")["ups.load"] == "10"


def test_unknown_authorities(lab, authority, stranger):
    unknown = failure(lab.port, NutTls())
    assert unknown.outcome == "tls" and not unknown.answered
    assert "this machine does not know its issuer" in unknown.message and "tls: ca" in unknown.message
    other = failure(lab.port, NutTls(ca=stranger.ca))
    assert other.outcome == "tls" and f"{stranger.ca} is not that of its issuer" in other.message


@pytest.mark.parametrize(
    ("names", "expired", "host", "words"),
    [
        ("DNS:localhost,IP:127.0.0.1", True, "127.0.0.1", "it has expired"),
        ("DNS:nas.example,IP:192.0.2.1", False, "localhost", "it is for another host than localhost"),
        ("DNS:nas.example,IP:192.0.2.1", False, "127.0.0.1", "it is for another host than 127.0.0.1"),
        ("DNS:localhost", False, "127.0.0.1", "it is for another host than 127.0.0.1"),
        ("", False, "127.0.0.1", "it is for another host than 127.0.0.1"),
    ],
)
def test_certificates_that_are_not_right(authority, tmp_path, names, expired, host, words):
    pem = authority.issue(f"wrong-{abs(hash((names, expired)))}", names, expired)
    with Lab({"rack": DEVICE}, conf=nss_database(tmp_path / "db", pem, authority.ca)) as lab:
        lab.wait("rack")
        error = failure(lab.port, NutTls(ca=authority.ca), host)
        assert error.outcome == "tls" and words in error.message
        assert read(lab.port, NutTls(verify=False), host)["ups.load"] == "10"


def test_a_real_upsd_without_a_certificate_is_an_error_and_no_plain_connection(authority):
    with Lab({"rack": DEVICE}) as lab:
        lab.wait("rack")
        error = failure(lab.port, NutTls(ca=authority.ca))
    assert error.outcome == "tls" and not error.answered
    assert "FEATURE-NOT-CONFIGURED" in error.message and "CERTPATH" in error.message


REFUSALS = {
    "not built with it": b"ERR FEATURE-NOT-SUPPORTED\n",
    "another make": b"ERR UNKNOWN-COMMAND\n",  # upsnutwrapper.sh, ESP32 bridges
    "DSM": b"ERR INVALID-ARGUMENT\r\n",
    "an address that may not": b"ERR ACCESS-DENIED\n",
    "hangs up": CLOSE,
    "silence": SILENCE,
    "another answer": b"VER 2.8.0\n",
    "OK, and then in plain": b"OK STARTTLS\n",
    "OK, and something behind it": b'OK STARTTLS\nVAR rack ups.status "OB"\n',
    "OK, then it hangs up": lambda request: b"OK STARTTLS\n",
}


@pytest.mark.parametrize("answer", REFUSALS.values(), ids=REFUSALS)
def test_nothing_but_starttls_is_ever_sent_in_plain(authority, answer):
    with ScriptedUpsd({"STARTTLS": answer}) as server:
        error = failure(server.port, NutTls(ca=authority.ca), timeout=0.5)
        assert error.outcome in ("tls", "closed", "timeout", "protocol") and not error.answered
        assert server.requests[0] == "STARTTLS"
        assert not [one for one in server.requests if one.startswith(("USER", "PASS", "LIST", "GET", "VER"))]
        with Reading(server, tls=NutTls(verify=False), username=USER, password=PASSWORD) as reading:
            assert until(lambda: reading.health.state, lambda state: state == "lost") == "lost"
        assert not [one for one in server.requests if one.startswith(("USER", "PASS", "LIST", "GET", "VER"))]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_server_that_knows_old_tls_alone(authority):
    """NUT before 2.8 offers TLS 1.0."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.load_cert_chain(authority.issue("old"))
    with ScriptedUpsd(context=context) as server:
        error = failure(server.port, NutTls(ca=authority.ca))
        assert error.outcome in ("tls", "closed") and server.requests == ["STARTTLS"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_wants_a_certificate_of_ours(authority, stranger, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain(authority.issue("mutual"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.ca)
    mine, foreign = authority.issue("mine"), stranger.issue("foreign")
    key = mine.with_suffix(".key")
    with ScriptedUpsd(context=context) as server:
        for tls in (NutTls(ca=authority.ca), NutTls(ca=authority.ca, cert=foreign)):
            error = failure(server.port, tls)
            assert error.outcome in ("tls", "closed") and "tls: cert" in error.message
        assert server.plain and set(server.plain) == {"STARTTLS"}
        assert read(server.port, NutTls(ca=authority.ca, cert=mine))["ups.status"] == "OL"
        assert read(server.port, NutTls(ca=authority.ca, cert=mine, key=key))["ups.status"] == "OL"
        assert set(server.plain) == {"STARTTLS"} and "LIST VAR rack" in server.requests


def test_files_that_cannot_be_used(lab, authority, stranger, tmp_path):
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    missing = Path("/nonexistent/ca.pem")
    mine, other = authority.issue("mine"), stranger.issue("other").with_suffix(".key")
    for tls, words in (
        (NutTls(ca=missing), "/nonexistent/ca.pem cannot be read: No such file"),
        (NutTls(ca=empty), "ca: "),
        (NutTls(ca=authority.ca, cert=missing), "cert: /nonexistent/ca.pem cannot be read"),
        (NutTls(ca=authority.ca, cert=authority.ca), "cert: "),
        (NutTls(ca=authority.ca, cert=mine, key=missing), "key: /nonexistent/ca.pem cannot be read"),
        (NutTls(ca=authority.ca, cert=mine, key=other), "is not the certificate of this key"),
    ):
        error = failure(lab.port, tls)
        assert error.outcome == "tls" and words in error.message


def test_a_key_with_a_password_asks_nobody(lab, authority, tmp_path):
    mine, locked = authority.issue("locked"), tmp_path / "locked.key"
    command = ["openssl", "rsa", "-aes256", "-passout", "pass:word", "-in", mine.with_suffix(".key")]
    subprocess.run([*command, "-out", locked], check=True, capture_output=True)
    error = failure(lab.port, NutTls(ca=authority.ca, cert=mine, key=locked))
    assert error.outcome == "tls" and "encrypted" in error.message


def test_a_call_that_waits_in_tls_ends_at_once_when_it_is_closed(lab, authority):
    client = NutClient("127.0.0.1", lab.port, timeout=300, tls=NutTls(ca=authority.ca))
    lab.freeze(lab.upsd)
    try:
        threading.Timer(0.2, client.close).start()
        with pytest.raises(NutError) as caught:
            client.list_vars("rack")
        assert caught.value.outcome == "closed"
        with pytest.raises(NutError) as caught:
            NutClient("127.0.0.1", lab.port, timeout=0.5, tls=NutTls(ca=authority.ca))
        assert caught.value.outcome == "timeout"
    finally:
        lab.thaw(lab.upsd)


def test_the_reader_and_a_restart_of_the_server(lab, authority):
    tls = NutTls(ca=authority.ca)
    with Reading(lab, ups=("rack",), tls=tls, username=USER, password=PASSWORD) as reading:
        polls = until(lambda: reading.polls("rack@closet", "ok"), lambda polls: len(polls) >= 3)
        assert polls[0].variables["ups.load"] == "10" and reading.health.state == "connected"
        assert "reading goes on" not in reading.health.detail
        lab.kill(lab.upsd)
        assert until(lambda: reading.health.state, lambda state: state == "lost") == "lost"
        lab.start_upsd()
        lab.wait("rack")
        assert until(lambda: reading.health.state, lambda state: state == "connected") == "connected"


def test_a_reader_says_what_is_wrong_with_the_certificate(lab, stranger):
    with Reading(lab, ups=("rack",), tls=NutTls(ca=stranger.ca)) as reading:
        detail = until(lambda: reading.health.detail, bool)
        assert detail.startswith("tls: ") and "is not that of its issuer" in detail
        assert reading.polls("rack@closet", "tls") and not reading.polls("rack@closet", "ok")


def test_orders_in_tls_and_never_without(lab, authority, stranger):
    def server(tls):
        return NutServerSettings(
            "lab", port=lab.port, command_username=USER, command_password=PASSWORD, tls=tls
        )

    before = len(lab.told("rack"))
    for tls, wanted in ((NutTls(ca=authority.ca), ["sent", "done"]), (NutTls(ca=stranger.ca), [])):
        one = Sender(server(tls))
        try:
            one.order(seconds=4.0)
            assert one.states(2, 10 if wanted else 1) == wanted
            if not wanted:
                assert "issuer" in one.queue.problem
        finally:
            one.end()
    assert len(lab.told("rack")) == before + 1


def test_check_names_what_is_wrong(lab, authority, stranger):
    listed = {"rack@a": UpsSettings(commands=("beeper.mute",))}

    def server(tls, **more):
        return NutServerSettings(
            "a", port=lab.port, command_username=USER, command_password=PASSWORD, tls=tls, **more
        )

    assert probe_nut(server(NutTls(ca=authority.ca))) == (True, "rack is on mains")
    assert probe_orders(server(NutTls(ca=authority.ca)), listed) == (True, "rack@a: 1 command")
    for finding in (
        probe_nut(server(NutTls(ca=stranger.ca))),
        probe_orders(server(NutTls(ca=stranger.ca)), listed),
    ):
        assert not finding.ok and "is not that of its issuer" in finding.message


def test_tls_is_off_unless_the_config_has_it():
    assert NutServerSettings("a").tls is NO_TLS and not NO_TLS.used and NutTls().used
