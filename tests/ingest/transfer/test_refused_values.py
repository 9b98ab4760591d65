"""What a sensor reports in place of a reading counts as little in an import as live."""

import json
from datetime import timedelta

import pytest

from tests.ingest.transfer.tracker_file import BEGIN, Tracker

CHANNEL = 256 * (256 * 5 + 1)


def hear(path, texts, start=BEGIN):
    tracker = Tracker(path)
    for n, text in enumerate(texts):
        tracker.hear(f"5;1;1;0;0;{text}", start + timedelta(minutes=n))
    tracker.close()


@pytest.mark.parametrize("error", ["-127.00", "85.0", "nan"])
def test_the_last_value_of_a_tracker_is_the_last_that_counts(site, tmp_path, error):
    path = tmp_path / "mysensors.db"
    hear(path, [*(f"{20 + n % 5 / 10}" for n in range(60)), error])
    site.take(path)
    site.take(path)
    assert site.rows("select text, readings, refused_text from channels where id = ?", CHANNEL) == [
        ("20.4", 60, error)
    ]
    assert site.rows("select text from readings where wrong is not null") == [(error,)]
    assert site.rows("select min(min), max(max), sum(count) from readings_hourly") == [(20, 20.4, 60)]
    hear(path, ["20.7"], BEGIN + timedelta(hours=2))
    site.take(path)
    assert site.rows("select text, readings, refused_text from channels where id = ?", CHANNEL) == [
        ("20.7", 61, None)
    ]


def test_doubted_first_readings_of_an_import_are_to_be_read_again(site, tmp_path):
    path = tmp_path / "mysensors.db"
    hear(path, ["85", "85", "20.5"])
    site.take(path)
    assert site.rows("select channel from channel_recomputations where ended_at is null") == [(CHANNEL,)]


def test_an_impossible_value_of_a_network_without_times_is_none(site, tmp_path):
    path = tmp_path / "mysensors.json"
    child = {"id": 1, "type": 6, "description": "Air", "values": {"0": "-127.00", "1": "nan", "47": "nan"}}
    path.write_text(json.dumps({"5": {"sensor_id": 5, "children": {"1": child}}}))
    outcome = site.take(path)["nodes, sensors and values"]
    assert sum("does not count" in reason for reason in outcome.skipped) == 2
    assert site.rows("select type_name, value, text from channels order by id") == [
        ("V_TEMP", None, None),
        ("V_HUM", None, None),
        ("V_TEXT", None, "nan"),
    ]
