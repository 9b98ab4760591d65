"""`voltkeeper check` looks at what thresholds refer to, and names the nearest where there is no such."""

import pytest

from ingest.config.model import Config, GatewaySettings, NutServerSettings
from ingest.config.thresholds import ThresholdSettings
from ingest.db.connection import connect
from tests.helpers.new_database import new_database
from voltkeeper.check.thresholds import threshold_findings

ROWS = (
    "insert into gateways (id, name, address) values (0, 'main', 'x')",
    "insert into nodes (id, gateway, node_id, role, name, label) values (7, 0, 7, 'node', '', 'Greenhouse')",
    "insert into sensors (id, node, child_id, name, description) values (1793, 7, 1, '', 'Room')",
    "insert into channels (id, node, sensor, type, type_name, name, value) "
    "values (459008, 7, 1793, 0, 'V_TEMP', '', 20.5)",
    "insert into channels (id, node, sensor, type, type_name, name, text) "
    "values (459055, 7, 1793, 47, 'V_TEXT', '', 'x')",
    "insert into ups (id, name, driver, source, label) values (1, 'rack@closet', 'nut', 'closet', 'Rack')",
    "insert into ups_samples (sampled_at, ups, ups_status, ups_load) values ('2026-11-30', 1, 'OL', 12)",
    "insert into ups_variables (ups, variable, value, number, changed_at) "
    "values (1, 'ambient.temperature', '21', 21, '')",
)


def findings(path, *thresholds):
    config = Config(
        database=path,
        gateways=(GatewaySettings("main", tcp="main:5003"),),
        nut=(NutServerSettings("closet"),),
        thresholds=thresholds,
    )
    return [
        ("note" if is_note else "ok" if finding.ok else "FAILED", finding.message)
        for _, (finding, is_note) in threshold_findings(config)
    ]


def channel(text):
    return ThresholdSettings("x", channel=text, below=4, for_s=600)


def figure(text):
    return ThresholdSettings("x", figure=text, ups="rack@closet", above=70)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = new_database(tmp_path_factory.mktemp("check") / "t.db")
    connection = connect(path)
    for row in ROWS:
        connection.execute(row)
    connection.close()
    return path


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (channel("main/7/1/V_TEMP"), ("ok", "Greenhouse Room below 4 °C for 600 s")),
        (channel("mian/7/1/V_TEMP"), ("FAILED", "there is no gateway 'mian': did you mean 'main'?")),
        (channel("main/7/1/V_TMP"), ("FAILED", "there is no type of value 'V_TMP': did you mean 'V_TEMP'?")),
        (
            channel("main/7/2/V_TEMP"),
            ("note", "no value of main/7/2/V_TEMP has come so far: did you mean 'main/7/1/V_TEMP'?"),
        ),
        (
            channel("main/7/1/V_TEXT"),
            ("note", "main/7/1/V_TEXT reports texts, which have no limit: name another channel"),
        ),
        (figure("ups_load"), ("ok", "Rack load above 70 %")),
        (figure("ambient.temperature"), ("ok", "Rack temperature around it above 70 °C")),
        (
            figure("ups_laod"),
            ("FAILED", "rack@closet has no figure 'ups_laod': did you mean 'ups_load'?"),
        ),
        (
            figure("ups_power"),
            ("note", "rack@closet does not give ups_power: known here: ups_load"),
        ),
    ],
)
def test_a_threshold(path, threshold, expected):
    assert findings(path, threshold) == [expected]


def test_without_a_file_the_config_alone_is_looked_at(tmp_path):
    found = findings(tmp_path / "none.db", channel("main/7/1/V_TEMP"), figure("ups_laod"), figure("watts"))
    assert found == [
        ("ok", "main/7/1/V_TEMP below 4 for 600 s"),
        ("FAILED", "there is no figure 'ups_laod': did you mean 'ups_load'?"),
        ("ok", "watts of rack@closet above 70"),
    ]
