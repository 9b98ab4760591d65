"""The plugin directory in a plain `datasette`, without a config: open to read, nothing is written."""

from pathlib import Path

import pytest
from datasette.app import Datasette

from ingest.schema.migrate import migrate
from tests.plugins.site_helpers import BROWSER, SiteClient, fill

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def plain(tmp_path):
    path = tmp_path / "telemetry.db"
    migrate(path)
    fill(path)
    site = SiteClient(
        Datasette([str(path)], plugins_dir=str(ROOT / "plugins"), template_dir=str(ROOT / "templates"))
    )
    yield site
    site.close()


@pytest.mark.parametrize(
    "path", ["/", "/nodes", "/nodes/main/12", "/radio", "/ups", "/events", "/energy", "/api"]
)
def test_pages_can_be_read(plain, path):
    assert "Voltkeeper" in plain.page(path)


@pytest.mark.parametrize("path", ["/-/ota", "/-/maintenance", "/-/login", "/-/delete", "/-/ups/commands"])
def test_pages_that_need_rights_are_not_there(plain, path):
    assert plain.get(path, headers=BROWSER).status_code == 404


def test_nothing_is_written(plain):
    assert plain.post("/-/orders", json={"all": 1}).status_code in (403, 404, 405)
    assert "Writing is off." in plain.page("/nodes/main/12")
    assert plain.rows("select count(*) from outbox") == [(0,)]
