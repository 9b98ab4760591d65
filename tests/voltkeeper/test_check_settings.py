"""`voltkeeper check` lists the settings that users made on pages."""

from ingest.db.connection import connect
from ingest.settings import save_setting
from tests.helpers.new_database import new_database
from voltkeeper.check.settings import setting_findings


def test_each_setting_is_a_line_with_its_subject_value_and_maker(tmp_path):
    path = tmp_path / "telemetry.db"
    assert list(setting_findings(path)) == []
    new_database(path)
    assert list(setting_findings(path)) == []
    connection = connect(path)
    connection.execute("insert into gateways (id, name, address) values (0, 'main', 'x'), (1, 'shed', 'y')")
    connection.execute("insert into nodes (id, name, gateway, node_id) values (9, '', 0, 9), (265, '', 1, 9)")
    connection.execute("insert into sensors (id, name, node, child_id) values (2305, '', 9, 1)")
    connection.execute(
        "insert into ups (id, name, driver, source, label) values (1, 'rack', 'must', 'rack', '')"
    )
    for subject, key, value in (
        ("nodes/9", "label", "Garage"),
        ("nodes/265", "label", "Garage"),
        ("nodes/265", "silent_after_s", "7200"),
        ("nodes/9", "silent_after_s", "never"),
        ("sensors/2305", "label", "Door"),
        ("ups/1", "label", "Rack"),
        ("nodes/9", "colour", "red"),
        ("nodes/77", "label", "Gone"),
        ("nodes/265", "sleep", "maybe"),
    ):
        save_setting(connection, subject, key, value, "owner")
    connection.execute("update settings set set_at = '2026-11-29T10:20:30.000Z'")
    connection.close()
    found = {what: (finding.ok, finding.message) for what, finding in setting_findings(path)}
    by = "set on 2026-11-29 10:20 UTC by owner"
    assert found["setting label of Garage (main/9)"] == (True, f"Garage, {by}")
    assert found["setting silent_after_s of Garage (shed/9)"] == (True, f"7200 s, {by}")
    assert found["setting silent_after_s of Garage (main/9)"] == (True, f"never, {by}")
    assert found["setting label of Garage · Door (main/9/1)"] == (True, f"Door, {by}")
    assert found["setting label of rack"] == (True, f"Rack, {by}")
    wrong = {what: message for what, (ok, message) in found.items() if not ok}
    assert "is not a setting" in wrong["setting colour of Garage (main/9)"]
    assert "there is no nodes/77" in wrong["setting label of nodes/77"]
    assert "known here" in wrong["setting sleep of Garage (shed/9)"]
    assert len(found) == 9 and len(wrong) == 3
