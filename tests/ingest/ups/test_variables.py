"""The table of variables covers what the devices and the EP20 tell, with units."""

import yaml

from ingest.demo.ups import ep20
from ingest.demo.ups.models import MODELS, model
from ingest.must import registers
from ingest.ups import variables
from tests.ingest.nut.lab import DEVICES


def test_every_entry_has_a_label_and_a_known_group():
    entries = yaml.safe_load(variables.FILE.read_text(encoding="utf-8"))["variables"]
    for name, entry in entries.items():
        assert set(entry) <= {"label", "unit", "group"}, name
        assert entry["label"] and entry["group"] in variables.groups(), name


def test_what_the_devices_tell_has_entries():
    told = set(registers.status_variables(ep20.ON_BATTERY)) | set(
        registers.setting_variables(ep20.SETTINGS[:10])
    )
    for name in MODELS:
        told |= set(model(name, 1.8e9))
    for file in DEVICES.glob("*.dev"):
        told |= {
            line.split(":")[0] for line in file.read_text().splitlines() if line and not line.startswith("#")
        }
    assert {name for name in told if variables.variable(name).group == "other"} == set()


def test_patterns_and_unknown_names():
    assert variables.variable("outlet.2.status").label == "Outlet 2 on or off"
    assert variables.variable("input.L1-N.voltage").label == "Input voltage L1-N"
    assert variables.variable("input.L2.current").unit == "A"
    unknown = variables.variable("vendor.secret")
    assert (unknown.label, unknown.unit, unknown.group) == ("vendor.secret", "", "other")


def test_order_begins_with_the_status_and_ends_with_the_unknown():
    names = ["zzz", "battery.charge", "aaa", "ups.status", "outlet.1.status"]
    assert [v.name for v in variables.in_page_order(names)] == [
        "ups.status",
        "battery.charge",
        "outlet.1.status",
        "aaa",
        "zzz",
    ]
