"""The figures of /energy are those of plain SQL over the hours, to the last digit shown."""

import html
import re
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from math import floor

import pytest

from ingest.db.time import format_utc, parse_utc

SPACE = "\u202f"


@pytest.fixture
def energy(power):
    """The site, its page of two whole days that are over, and the days."""
    now = datetime.combine(datetime.now(UTC).date(), clock_time(12), UTC).timestamp()  # perhaps still to come
    _, site = power(days=4, step=300, now=now, outages=[(40, 640, ("garage",))], gaps=[(50, 5400)])
    last = datetime.fromtimestamp(now, UTC).date()
    first = last - timedelta(days=2)
    text = html.unescape(site.page(f"/energy?since={first}&until={last}"))
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp()
    return site, text, (format_utc(begin), format_utc(begin + 2 * 86_400))


def block(page, id):
    return page.split(f'id="{id}"')[1].split("</section>")[0]


def bars(page):
    """The texts of the bars of a chart, line by line."""
    return [title.split("\n") for title in re.findall(r'class="hit"[^>]*><title>([^<]*)</title>', page)]


def hours(site, span, what, by="ups"):
    since, until = span
    return site.rows(
        f"select {what} from ups_samples_hourly h join ups u on u.id = h.ups "
        f"where hour_at >= '{since}' and hour_at < '{until}' group by {by} order by {by}"
    )


def shown(text, unit):
    return float(re.search(rf"([\d.,]+){SPACE}{unit}", text)[1].replace(",", ""))


def test_shares_and_total_are_those_of_the_hours(energy):
    site, page, span = energy
    found = {name: kwh for name, kwh in hours(site, span, "u.name, sum(wh) / 1000")}
    whole = sum(found.values())
    assert shown(page.split("<h1>")[1], "kWh") == pytest.approx(whole, abs=0.051)
    shares = block(page, "energy-shares").split("<li>")[1:]
    assert len(shares) == len(found) == 3
    for share in shares:
        kwh = found[re.search(r'href="/ups/([^"]+)"', share)[1]]
        assert shown(share, "kWh") == pytest.approx(kwh, abs=0.0051 if kwh < 10 else 0.051)
        assert shown(share, "%") == round(100 * kwh / whole)


def test_hours_and_what_was_measured_are_those_of_the_hours(energy):
    site, page, span = energy
    bars_of = hours(site, span, "hour_at, sum(wh) / 1000", by="1")
    covered = dict(hours(site, span, "u.label, total(covered_s)"))
    lines = bars(block(page, "energy-steps"))
    assert len(lines) == 48 >= len(bars_of) > 44
    for at, kwh in bars_of:
        line = lines[int((parse_utc(at) - parse_utc(span[0])) // 3600)]
        every = next(text for text in line if text.startswith("All: "))
        assert shown(every, "kWh") == pytest.approx(kwh, abs=0.0006), at  # the query gives 0.1 Wh
    measured = block(page, "measured")
    for label, seconds in covered.items():
        text = re.search(rf"<bdi>{re.escape(label)}</bdi> <span>([\d.]+){SPACE}%", measured)[1]
        assert float(text) == floor(1000 * seconds / (2 * 86_400)) / 10  # only all of it is 100 %
    assert min(covered.values()) < 2 * 86_400 - 5000  # the gap is in it


def test_the_usual_day_is_the_mean_of_the_measured_time_of_each_hour(energy):
    site, page, span = energy
    lines = bars(block(page, "usual-day"))
    query = block(page, "usual-day").split("since=")[1].split("&")[0]
    since = format_utc(datetime.fromisoformat(query).replace(tzinfo=UTC).timestamp())
    expected = {}
    for hour, wh, seconds in hours(
        site, (since, span[1]), "substr(hour_at, 12, 2), sum(wh), sum(covered_s)", by="1, h.ups"
    ):
        expected[hour] = expected.get(hour, 0) + wh * 3.6 / seconds
    assert len(lines) == 24
    for line in lines:
        assert shown(line[1], "kWh") == pytest.approx(expected[line[0][:2]], abs=0.00051), line
