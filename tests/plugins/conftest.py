"""Sites over a database that the real parser filled."""

import os
from collections import defaultdict
from pathlib import Path

import pytest
from datasette import hookimpl
from datasette.plugins import pm
from jinja2 import BytecodeCache

from ingest.config.model import Config, GatewaySettings
from ingest.schema.migrate import migrate
from plugins.web.app.server import build
from tests.chromium import BROWSER, Chromium
from tests.plugins.served_site import Served
from tests.plugins.site_helpers import ACCESS, SiteClient, fill
from tests.plugins.ups_house import House, add_tariffs


class CompiledTemplates(BytecodeCache):
    """Keeps compiled templates in memory, so that each is compiled once and not by each site again."""

    def __init__(self):
        self._compiled = {}

    def load_bytecode(self, bucket):
        if (bucket.key, bucket.checksum) in self._compiled:
            bucket.bytecode_from_string(self._compiled[bucket.key, bucket.checksum])

    def dump_bytecode(self, bucket):
        self._compiled[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


class ShareTemplates:
    """A plugin of Datasette: sites with the same base URL, which is compiled into links, share templates."""

    __name__ = "share_templates"  # by which Datasette lists it

    def __init__(self):
        self._caches = defaultdict(CompiledTemplates)

    @hookimpl
    def prepare_jinja2_environment(self, env, datasette):
        env.bytecode_cache = self._caches[datasette.setting("base_url")]


@pytest.fixture(scope="session", autouse=True)
def share_templates():
    plugin = ShareTemplates()
    pm.register(plugin, "share_templates")
    yield
    pm.unregister(plugin)


@pytest.fixture
def make_site(tmp_path):
    """Build sites: `make_site(filled=True, **config)`."""
    sites = []

    def make(filled=True, name="house.db", **options):
        path = Path(tmp_path) / name
        if not path.exists():
            migrate(path)
            if filled:
                fill(path)
        gateways = (
            GatewaySettings("main", tcp="main:5003"),
            GatewaySettings("shed", tcp="shed:5003", metric=False),
        )
        options = {"title": "Hill house", "timezone": "UTC", "gateways": gateways, **options}
        sites.append(SiteClient(build(Config(database=path, **options))))
        return sites[-1]

    yield make
    for site in sites:
        site.close()


@pytest.fixture
def site(make_site):
    return make_site(access=ACCESS)


@pytest.fixture
def power(make_site, tmp_path):
    """`power(timezone=..., days=..., ...)`: the House that wrote the rows and the site over them."""

    def make(timezone="UTC", days=3, step=60, now=None, tariffs=(), **history):
        path = tmp_path / "house.db"
        migrate(path)
        house = House(path, days=days, step=step, timezone=timezone, now=now).write(**history)
        add_tariffs(path, *tariffs)
        return house, make_site(timezone=timezone)

    return make


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """A browser; tests with it are skipped where there is none."""
    if BROWSER is None:
        if os.environ.get("CI"):
            pytest.fail("CI has to install chromium", pytrace=False)
        pytest.skip("no chromium on this machine")
    with Chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def serve(tmp_path):
    """A function that starts a site over a filled database; `more` are lines of its config."""
    sites = []

    def start(more=""):
        sites.append(Served(tmp_path, more))
        return sites[-1]

    yield start
    for site in sites:
        site.end()
