"""The plugin directory in a plain `datasette`, without a config: open to read, nothing is written."""

from pathlib import Path

import pytest
import yaml
from datasette.app import Datasette

from plugins.web.pages.api import routes
from plugins.web.site import site_of
from tests.helpers.new_database import new_database
from tests.plugins.site_helpers import SiteClient, fill

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def plain(tmp_path):
    path = tmp_path / "telemetry.db"
    new_database(path)
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
    assert [path for path, one in found if one.right not in ("read", None) or one.method == "POST"] == []


def test_nothing_is_written(plain):
    assert plain.post("/-/orders", json={"all": 1}).status_code in (403, 404, 405)
    assert "Writing is off." in plain.page("/nodes/main/12")
    assert plain.rows("select count(*) from outbox") == [(0,)]


@pytest.mark.parametrize(
    "path",
    [
        "/telemetry/audit.json",
        "/telemetry/sessions.json",
        "/telemetry.json?sql=select+*+from+audit",
        "/telemetry/nodes.json?_where=exists(select+1+from+audit)",
    ],
)
def test_what_is_for_signed_in_users_is_not_shown(plain, path):
    assert plain.get(path).status_code in (401, 403)
