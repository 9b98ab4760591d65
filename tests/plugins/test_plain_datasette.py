"""The plugin directory in a plain `datasette`, without a config: open to read, nothing is written."""

from pathlib import Path

import pytest
import yaml
from datasette.app import Datasette

from ingest.schema.migrate import migrate
from plugins.web.pages.api import routes
from plugins.web.site import site_of
from tests.plugins.site_helpers import SiteClient, fill

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def plain(tmp_path):
    path = tmp_path / "telemetry.db"
    migrate(path)
    fill(path)
    site = SiteClient(
        Datasette(
            [str(path)],
            metadata=yaml.safe_load((ROOT / "metadata.yml").read_text()),
            plugins_dir=str(ROOT / "plugins"),
            template_dir=str(ROOT / "templates"),
        )
    )
    yield site
    site.close()


@pytest.mark.parametrize(
    "path", ["/", "/nodes", "/nodes/main/12", "/radio", "/ups", "/events", "/energy", "/api"]
)
def test_pages_can_be_read(plain, path):
    assert "Voltkeeper" in plain.page(path)


def test_routes_that_need_rights_are_not_registered(plain):
    found = routes(site_of(plain.datasette))
    assert {"/", "/nodes", "/ups", "/api"} <= {path for path, _ in found}
    assert [path for path, endpoint in found if endpoint.right != "read" or endpoint.method == "POST"] == []


def test_nothing_is_written(plain):
    assert plain.post("/-/orders", json={"all": 1}).status_code in (403, 404, 405)
    assert "Writing is off." in plain.page("/nodes/main/12")
    assert plain.rows("select count(*) from outbox") == [(0,)]
