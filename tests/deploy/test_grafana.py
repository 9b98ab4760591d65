"""deploy/grafana: each query of the dashboards is answered, by a real Prometheus and by the site itself."""

import json
import os
import re
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from ingest.db.connection import connect
from tests.plugins.served_site import Served
from tests.plugins.site_helpers import fill
from tests.plugins.ups_house import UPSES, House, add_tariffs
from tests.programs import Program, free_port, wait_until

FOLDER = Path(__file__).resolve().parents[2] / "deploy/grafana"
DASHBOARDS = sorted(FOLDER.glob("*.json"))
PROMTOOL, PROMETHEUS = shutil.which("promtool"), shutil.which("prometheus")
VARIABLES = {"ups": ".+", "gateway": ".+", "type": ".+", "__range": "5m", "__rate_interval": "20s"}

if PROMTOOL is None or PROMETHEUS is None:
    if os.environ.get("CI"):
        pytest.fail("CI has to install prometheus", pytrace=False)
    pytest.skip("no prometheus and promtool on this machine: apt install prometheus", allow_module_level=True)


def demo(path):
    """Nodes, UPSes with outages, and rows of whatever a panel shows that is rarely there."""
    fill(path)
    House(path, days=1, step=150).write(outages=[(2, 120, UPSES)])
    connection = connect(path)
    connection.execute("insert into outbox (node, state) values (12, 'queued')")
    connection.execute(
        "insert into ota_updates (node, type, version, state, requested_at, blocks, block) "
        "values (12, 1, 2, 'transferring', '2026-01-01T00:00:00.000Z', 100, 40)"
    )
    connection.close()
    add_tariffs(path, (None, None, "", "", 0.3, "EUR"))


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    site = Served(tmp_path_factory.mktemp("site"), make=demo)
    yield site
    site.end()


@pytest.fixture(scope="module")
def prometheus(served, tmp_path_factory):
    """The address of a Prometheus that has asked the site some times, with the config that people copy."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    config = (FOLDER / "prometheus.yml").read_text()
    config = config.replace("_interval: 15s", "_interval: 1s").replace(
        "127.0.0.1:8001", served.url.partition("//")[2]
    )
    (folder / "prometheus.yml").write_text(config)
    shutil.copy(FOLDER / "rules.yml", folder)
    address = f"127.0.0.1:{port}"
    program = Program(
        [
            PROMETHEUS,
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            f"--web.listen-address={address}",
        ],
        folder,
    )
    try:
        wait_until(lambda: is_ready(program, address), 30, 0.2)
        query = 'count_over_time(up{job="voltkeeper"}[1m]) >= 3 and up == 1'
        wait_until(lambda: ask(address, "query", query=query), 20, 0.3)
        yield address
    finally:
        program.end(timeout=30)


def is_ready(program, address):
    assert program.process.poll() is None, program.text
    try:
        return urlopen(f"http://{address}/-/ready", timeout=5).status == 200
    except OSError:
        return False


def ask(address, what, **parameters):
    with urlopen(f"http://{address}/api/v1/{what}?{urlencode(parameters)}", timeout=10) as response:
        body = json.load(response)
    assert body["status"] == "success"
    return body["data"]["result"] if what.startswith("query") else body["data"]


def read(path):
    return json.loads(path.read_text())


def targets(dashboard, kind):
    """(title of the panel, query) of each query of the data source."""
    return [
        (panel["title"], target)
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
        if target["datasource"]["type"] == kind
    ]


def filled(text):
    return re.sub(r"\$(\w+)", lambda match: VARIABLES[match[1]], text)


def test_dashboards_stand_by_themselves():
    assert [path.name for path in DASHBOARDS] == ["nodes.json", "site.json", "ups.json"]
    uids = [read(path)["uid"] for path in DASHBOARDS]
    assert len(set(uids)) == 3
    for path in DASHBOARDS:
        dashboard = read(path)
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert dashboard["id"] is None and dashboard["schemaVersion"] >= 41 and len(set(ids)) == len(ids)
        names = {variable["name"] for variable in dashboard["templating"]["list"]}
        used = set(re.findall(r"\$\{?([a-z]\w*)", path.read_text()))
        assert used <= names, path.name
        cells = [
            (x, y)
            for panel in dashboard["panels"]
            for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
            for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
        ]
        assert len(set(cells)) == len(cells) and max(x for x, _ in cells) == 23, path.name


def test_the_rules_alert_as_played_data_want():
    for command in (("check", "config", "prometheus.yml"), ("test", "rules", "rules_test.yml")):
        done = subprocess.run([PROMTOOL, *command], cwd=FOLDER, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
    rules = set(re.findall(r"alert: (\w+)", (FOLDER / "rules.yml").read_text()))
    assert rules == set(re.findall(r"alertname[:=] ?\"?(\w+)", (FOLDER / "rules_test.yml").read_text()))


@pytest.mark.parametrize("name", ["ups.json", "nodes.json"])
def test_prometheus_has_data_for_each_panel(prometheus, name):
    dashboard = read(FOLDER / name)
    queries = targets(dashboard, "prometheus")
    assert len(queries) >= 14
    for title, target in queries:
        found = ask(prometheus, "query", query=filled(target["expr"]))
        assert found, (title, target["expr"])
        legend = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        assert all(legend <= set(series["metric"]) for series in found), (title, found)
    now = time.time()
    for annotation in dashboard["annotations"]["list"]:
        ask(prometheus, "query_range", query=filled(annotation["expr"]), start=now - 60, end=now, step=15)
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()
            assert ask(prometheus, f"label/{label}/values", **{"match[]": metric}), variable["name"]


def test_prometheus_takes_the_rules(prometheus):
    found = wait_until(lambda: evaluated(prometheus), 15, 0.3)
    assert len(found) == 13 and {rule["health"] for rule in found} == {"ok"}, found


def evaluated(prometheus):
    """The rules, once each has been evaluated."""
    rules = [rule for group in ask(prometheus, "rules")["groups"] for rule in group["rules"]]
    return rules if all(rule["health"] != "unknown" for rule in rules) else None


def test_the_site_has_what_the_dashboard_of_its_json_shows(served):
    day = 86_400
    for title, target in targets(read(FOLDER / "site.json"), "yesoreyeram-infinity-datasource"):
        url = target["url"].replace("${site}", served.url)
        for name, at in (("${__from:date:iso}", time.time() - day), ("${__to:date:iso}", time.time())):
            url = url.replace(name, datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"))
        with urlopen(url, timeout=20) as response:
            rows = json.load(response)
        assert rows and isinstance(rows, list), title
        for column in target["columns"]:
            values = [row[column["selector"]] for row in rows]
            given = [value for value in values if value is not None]
            assert given, (title, column)
            if column["type"] == "number":
                assert all(isinstance(value, (int, float)) for value in given), (title, column)
            if column["type"] == "timestamp":
                assert all(datetime.fromisoformat(value).tzinfo for value in given), (title, column)
