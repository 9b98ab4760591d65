"""deploy/snippets: what other programs copy works with the answers of a running site."""

import json
import shutil
import subprocess
import sys
import tomllib
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml
from jinja2 import Environment, StrictUndefined
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.plugins.served_site import Served
from tests.plugins.site_helpers import fill
from tests.plugins.ups_house import UPSES, House

FOLDER = Path(__file__).resolve().parents[2] / "deploy/snippets"
WRITTEN_FOR = "http://127.0.0.1:8001"
TELEGRAF = shutil.which("telegraf")


def house(path):
    fill(path)
    House(path, days=0.1, step=120).write()


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    site = Served(tmp_path_factory.mktemp("site"), make=house)
    yield site.url
    site.end()


def get(address):
    with urlopen(address, timeout=20) as response:
        return response.read().decode()


def text_of(name, url):
    """A snippet, made for the site of the test."""
    text = (FOLDER / name).read_text()
    assert WRITTEN_FOR in text
    return text.replace(WRITTEN_FOR, url)


def samples(text):
    return [sample for family in parse_text(text) for sample in family.samples]


def test_every_snippet_is_run():
    run = {"ep20_metrics.py", "grafana_panel.json", "home_assistant.yaml", "homepage.yaml", "telegraf.conf"}
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} == run


def test_the_script_of_the_ep20_monitor_says_what_metrics_says(url):
    command = [sys.executable, FOLDER / "ep20_metrics.py", url]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    served = {
        (one.name, one.labels.get("status")): one.value
        for one in samples(get(f"{url}/metrics"))
        if one.labels.get("ups") == "garage"
    }
    found = {(one.name, one.labels.get("status")): one.value for one in samples(printed)}
    assert set(found) == {key for key in served if not key[0].startswith("voltkeeper_")} and len(found) == 6
    assert all(abs(value - served[key]) < 1 for key, value in found.items())


def test_home_assistant_gets_its_sensors(url):
    sensors = yaml.safe_load(text_of("home_assistant.yaml", url))["sensor"]
    environment = Environment(undefined=StrictUndefined)

    def render(template, value):
        return environment.from_string(template).render(value_json=value)

    states = {}
    for sensor in sensors:
        answer = json.loads(get(sensor["resource"]))
        states[sensor["name"]] = render(sensor["value_template"], answer)
        assert render(sensor.get("availability", "True"), answer) == "True"
        if "availability" in sensor:
            unknown = dict.fromkeys(answer)
            assert render(sensor["availability"], unknown) == "False"
    assert len(states) == len(sensors) == 4
    assert states["UPS Battery Level"] == "100" and states["UPS Status"] == "online"
    assert 200 < float(states["UPS Input Voltage"]) < 260 and int(states["UPS Load"]) > 0


def test_the_panel_of_grafana_asks_for_a_metric_that_is_there(url):
    [target] = json.loads((FOLDER / "grafana_panel.json").read_text())["targets"]
    found = [one.labels for one in samples(get(f"{url}/metrics")) if one.name == target["expr"]]
    assert [labels["ups"] for labels in found] == list(UPSES) and "{{ups}}" in target["legendFormat"]


def test_homepage_finds_each_field(url):
    formats = {"text": str, "number": (int, float), "float": (int, float), "percent": (int, float)}
    [group] = yaml.safe_load(text_of("homepage.yaml", url))
    services = [service for one in group["Power"] for service in one.values()]
    assert len(services) == 2
    for service in services:
        assert "<html" in get(service["href"])
        answer = json.loads(get(service["widget"]["url"]))
        for mapping in service["widget"]["mappings"]:
            value = answer
            for key in mapping["field"].split("."):
                value = value[int(key) if isinstance(value, list) else key]
            assert isinstance(value, formats[mapping.get("format", "text")]), mapping


def test_telegraf_finds_metrics_and_values(url):
    inputs = tomllib.loads(text_of("telegraf.conf", url))["inputs"]
    [metrics], [values] = inputs["prometheus"], inputs["http"]
    names = {one.name for one in samples(get(metrics["urls"][0]))}
    for pattern in metrics["fieldinclude"]:
        assert any(fnmatchcase(name, pattern) for name in names), pattern
    [wanted] = values["json_v2"][0]["object"]
    rows = json.loads(get(values["urls"][0]))
    assert rows and set(wanted["tags"]) <= set(wanted["included_keys"]) <= set(rows[0])
    assert all(datetime.fromisoformat(row[wanted["timestamp_key"]]).tzinfo for row in rows)


@pytest.mark.skipif(TELEGRAF is None, reason="no telegraf on this machine: see docs.influxdata.com/telegraf")
def test_telegraf_itself_takes_the_snippet(url, tmp_path):
    config = tmp_path / "telegraf.conf"
    config.write_text(text_of("telegraf.conf", url))
    command = [TELEGRAF, "--config", config, "--test"]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "voltkeeper_ups_ups_load" in printed and "voltkeeper_channel," in printed
