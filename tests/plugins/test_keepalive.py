"""What gateways answer to the keepalive is stored, hidden by default, shown by a switch, counted apart."""

import time

import pytest

from ingest.mysensors.replay import replay

NOISE = ["0;255;3;0;2;2.3.2"] * 60 + ["0;255;3;0;14;Gateway startup complete.", "0;255;3;0;22;1234"]


@pytest.fixture
def noisy(site):
    path = site.datasette.databases["telemetry"].path
    lines = ["7;255;3;0;2;33816577", *NOISE, "0;1;1;0;0;21.5"]
    replay(path, "main", "tcp main:5003", [(time.time(), line.encode()) for line in lines], "UTC")
    return site


def table(site, path):
    return site.get(path).json()


def test_it_is_stored_and_no_newest_message(noisy):
    assert noisy.rows("select count(*) from messages where node = 0 and type in (2, 22)") == [(61,)]
    newest = [row["type"] for row in table(noisy, "/telemetry/recent_messages.json?_shape=array&_size=3")]
    assert newest[:2] == ["V_TEMP", "I_VERSION"]  # that one is of a node which was asked
    apart = noisy.rows("select count(*) from keepalive_messages")
    assert apart == [(len(NOISE) + 1,)]  # and the I_GATEWAY_READY of the site's beginning


@pytest.mark.parametrize("path", ["/", "/radio"])
def test_a_switch_shows_it(noisy, path):
    hidden, shown = noisy.page(path), noisy.page(f"{path}?keepalive=1")
    words, block = ("is alive", "Newest messages") if path == "/" else ("I_HEARTBEAT_RESPONSE", 'id="log"')
    assert words in shown.partition(block)[2]
    assert "Hide the keepalive answers" in shown
    assert "keepalive=1" in hidden and "Gateway startup complete." not in hidden
    assert hidden.count("2.3.2") < shown.count("2.3.2")


def test_a_filter_for_it_shows_it(noisy):
    assert noisy.page("/radio?type=I_GATEWAY_READY").count("Gateway startup complete.") >= 2


def test_older_pages_are_reached_behind_it(noisy):
    page = noisy.page("/radio")
    assert "No message matches" not in page
    assert "Humidity" in page and "21.5" in page


def test_statistics_count_it_apart(noisy):
    rows = table(noisy, "/telemetry/message_statistics.json?_shape=array&node=0")
    by_series = {(row["per"], row["child_id"], row["type"]): row for row in rows}
    total = by_series["node", None, None]
    assert (total["messages"], total["keepalive"]) == (2, len(NOISE) + 1)
    assert by_series["type", 255, "I_VERSION"]["keepalive"] == 60
    assert by_series["type", 1, "V_TEMP"]["messages"] == 1
    assert by_series["sensor", 255, None]["messages"] == 1
    (node,) = [row for row in table(noisy, "/telemetry/node_overview.json?_shape=array") if row["id"] == 0]
    assert (node["messages_today"], node["keepalive_today"]) == (2, len(NOISE) + 1)
