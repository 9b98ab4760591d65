"""Addresses of targets as people and logs see them: scheme and host, and no secret in the place of a host."""

import pytest

from ingest.config.alerts import AlertTarget
from ingest.config.mail import Mail
from outbound.senders.address import HAVE_HOST, MAY_HAVE_HOST, hide_secrets, target_address, url_address

URLS = [
    ("json://nas.lan/secret", "json://nas.lan"),
    ("jsons://user:pass@nas.lan:8443/secret?token=secret#secret", "jsons://nas.lan"),
    ("json://user:p@ss@127.0.0.1:80/x", "json://127.0.0.1"),
    ("json://[fe80::1]:80/secret", "json://[fe80::1]"),
    ("JSON://NAS/secret", "json://NAS"),
    ("ntfy://secrettopic", "ntfy://"),
    ("ntfys://secrettopic/", "ntfys://"),
    ("ntfys://secrettopic?priority=high", "ntfys://"),
    ("ntfys://ntfy.sh/secrettopic", "ntfys://ntfy.sh"),
    ("ntfy://tk_secret@ntfy.lan/topic", "ntfy://ntfy.lan"),
    ("tgram://123456:secret/4711", "tgram://"),
    ("discord://webhookid/secret", "discord://"),
    ("slack://TA/TB/secret", "slack://"),
    ("pover://user@secret", "pover://"),
    ("gotifys://gotify.lan/secret", "gotifys://gotify.lan"),
    ("mailto://user:secret@gmail.com", "mailto://gmail.com"),
    ("https://discord.com/api/webhooks/1/secret", "https://discord.com"),
    ("json://sec%72et@nas/x", "json://nas"),
    ("json://na s/secret", "json://"),
    ("json://", ""),
    ("secret", ""),
    ("", ""),
    ("a secret://x", ""),
    (" json://nas/secret", "json://nas"),
]


@pytest.mark.parametrize(("url", "address"), URLS)
def test_only_scheme_and_host_are_shown(url, address):
    assert url_address(url) == address
    assert "secret" not in url_address(url)


def test_the_schemes_whose_host_is_shown_have_one_by_apprises_own_templates():
    import apprise

    templates = {}
    for service in apprise.Apprise().details(show_disabled=True)["schemas"]:
        for scheme in [*(service["protocols"] or ()), *(service["secure_protocols"] or ())]:
            templates[scheme] = service["details"]["templates"]
    for scheme in HAVE_HOST & set(templates):
        assert all("{host}" in one for one in templates[scheme]), scheme
    for scheme in MAY_HAVE_HOST & set(templates):
        assert any("{host}" in one for one in templates[scheme]), scheme


def test_a_target_is_named_without_secrets():
    mail = Mail(host="smtp.example.org", sender="v@example.org", username="v", password="secret")
    assert target_address(AlertTarget("a", url="ntfys://ntfy.sh/secret"), mail) == "ntfys://ntfy.sh"
    assert target_address(AlertTarget("b", mail=("o@example.org", "p@example.org")), mail) == (
        "o@example.org, p@example.org by smtp.example.org"
    )
    assert target_address(AlertTarget("b", mail=("o@example.org",))) == "o@example.org"
    assert (
        target_address(AlertTarget("c", command=("/usr/bin/stop", "--key", "secret")), mail)
        == "/usr/bin/stop"
    )


TEXTS = [
    ("POST /secretpath failed", "json://nas/secretpath", "POST /*** failed"),
    ("user hunter22 is wrong", "json://owner:hunter22@nas/", "user *** is wrong"),
    ("p%40ss/word and p@ss", "json://owner:p%40ss@nas/", "***/word and ***"),
    ("https://nas:80/api answers", "json://nas:80/api", "https://nas:80/api answers"),
    ("token=abcdef", "json://nas/?token=abcdef", "***=***"),
    ("nothing of it", "json://nas/secret", "nothing of it"),
    ("topic secret", "ntfy://secret", "topic ***"),
]


@pytest.mark.parametrize(("text", "url", "shown"), TEXTS)
def test_no_part_of_a_url_stays_in_a_text(text, url, shown):
    assert hide_secrets(text, url) == shown
