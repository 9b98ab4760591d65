"""Rows of `ota_updates` to updates and back."""

from dataclasses import fields

from ingest.mysensors.ota_rows import read_update, update_columns
from ota.update import OtaUpdate

START = 1_700_000_000.0


def test_rows_go_round():
    update = OtaUpdate(
        7, 5, 10, 2, id=3, requested_at=START + 0.25, block=3, blocks=64, rate=2.5, last_request_at=START
    )
    row = update_columns(update)
    assert row["requested_at"] == "2023-11-14T22:13:20.250Z" and row["offered_at"] is None
    assert read_update({**row, "other": 1}) == update
    assert set(row) == {field.name for field in fields(OtaUpdate)}
