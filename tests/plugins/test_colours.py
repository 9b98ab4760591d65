"""A colour is shown as a square with its hex text, on every page and in cells of tables."""

import re
import time

import pytest

from ingest.mysensors.replay import replay
from plugins.web.render.swatch import swatch

CHANNEL = 256 * (256 * 5 + 1) + 40
PAGE = "/nodes/main/5/1/V_RGB"


@pytest.mark.parametrize(
    ("type_name", "text", "colour"),
    [("V_RGB", "611E39", "#611e39"), ("V_RGBW", "ff000080", "#ff0000"), ("V_ID", "611e39", None)],
)
def test_a_square(type_name, text, colour):
    square = swatch(type_name, text)
    assert (f'fill="{colour}"' in square) if colour else square == ""


@pytest.mark.parametrize("text", ['611e39"/><script>', "<b>", None, 611])
def test_what_is_no_colour_has_none(text):
    assert swatch("V_RGB", text) == ""


@pytest.fixture
def lamp(site):
    lines = ["5;255;0;0;17;2.3.2", "5;1;0;0;26;Lamp", "5;1;1;0;40;611e39", "5;2;1;0;42;00012345"]
    path = site.datasette.databases["telemetry"].path
    replay(path, "main", "tcp main:5003", [(time.time(), line.encode()) for line in lines], "UTC")
    return site


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nodes/main/5",
        PAGE,
        "/radio",
        "/telemetry/channels",
        "/telemetry/value_latest",
        "/telemetry/messages",
        "/telemetry/recent_messages",
        "/telemetry/node_messages?node=5",
    ],
)
def test_pages_show_it(lamp, path):
    page = lamp.page(path)
    assert 'fill="#611e39"' in page
    assert re.search(r"</svg> (<bdi[^>]*>)?611e39", page)
    assert "6.11e" not in page


def test_it_has_no_chart(lamp):
    assert lamp.rows(f"select value, text from channels where id = {CHANNEL}") == [(None, "611e39")]
    assert lamp.rows(f"select min, avg, max, numbers from readings_hourly where channel = {CHANNEL}") == [
        (None, None, None, 0)
    ]
    assert "<figure" not in lamp.page(PAGE)
