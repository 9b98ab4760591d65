"""What stands behind a chart: times without an answered poll, and thresholds of the config."""

import html

import pytest

from ingest.config.thresholds import ThresholdSettings
from ingest.db.time import format_utc
from plugins.web.pages.behind import unanswered
from tests.plugins.site_helpers import ACCESS

NOON = 1_795_953_600


def run(start, end, count):
    return {"started_at": format_utc(NOON + start), "ended_at": format_utc(NOON + end), "count": count}


@pytest.mark.parametrize(
    ("runs", "until", "expected"),
    [
        ([], 600, []),  # never read: not silent, but not known
        ([run(0, 590, 60)], 600, []),  # the run is written a little later than the poll
        ([run(0, 100, 11), run(700, 990, 30)], 1000, [(100, 700)]),
        ([run(0, 100, 11), run(200, 990, 80)], 1000, []),  # shorter than three minutes
        ([run(0, 1200, 5), run(2000, 2900, 4)], 3000, []),  # two polls of five minutes are missing
        ([run(0, 100, 11)], 4000, [(100, 4000)]),  # not read any more
        ([run(-500, 100, 61), run(50, 300, 26)], 320, []),  # runs that overlap
    ],
)
def test_a_ups_is_silent_between_answered_polls(runs, until, expected):
    found = unanswered(runs, NOON + until)
    assert [(start - NOON, end - NOON) for start, end in found] == expected


def test_a_threshold_is_a_line_with_its_words_on_the_page_of_its_channel(make_site):
    frost = ThresholdSettings("frost", channel="main/12/1/V_TEMP", below=4.0)
    others = ThresholdSettings("hot", channel="main/12/2/V_TEMP", above=40.0)
    site = make_site(access=ACCESS, thresholds=(frost, others))
    page = html.unescape(site.page("/nodes/main/12/1/V_TEMP"))
    assert page.count("frost: below 4\u202f°C") >= 2 and "hot" not in page.split("<main")[1]
    assert "frost" not in site.page("/nodes/main/12/2/V_HUM").split("<main")[1]
