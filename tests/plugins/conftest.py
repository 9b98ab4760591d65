"""Sites over a database that the real parser filled."""

import os
from pathlib import Path
from urllib.parse import quote

import pytest
from datasette import hookimpl
from datasette.plugins import get_plugins, pm
from jinja2 import FileSystemBytecodeCache

from ingest.config.model import Config, GatewaySettings
from plugins.web.app.server import build
from tests.helpers.new_database import new_database
from tests.plugins.served_site import Served
from tests.plugins.site_helpers import ACCESS, SiteClient, write_filled
from tests.plugins.ups_house import add_tariffs, write_house

PATIENT_MS = 20_000  # for SQL, on a busy machine, too: tests of the limit set their own


class CompiledTemplates(FileSystemBytecodeCache):
    """Keeps compiled templates, so that each is compiled once and not by each site of each process again."""

    def __init__(self, folder):
        super().__init__(str(folder))
        self._codes = {}

    def load_bytecode(self, bucket):
        bucket.code = self._codes.get((bucket.key, bucket.checksum))
        if bucket.code is None:
            super().load_bytecode(bucket)
            self._keep(bucket)

    def dump_bytecode(self, bucket):
        super().dump_bytecode(bucket)
        self._keep(bucket)

    def _keep(self, bucket):
        if bucket.code is not None:
            self._codes[bucket.key, bucket.checksum] = bucket.code


class ShareTemplates:
    """A plugin of Datasette: sites with the same base URL, which is compiled into links, share templates."""

    __name__ = "share_templates"  # by which Datasette lists it

    def __init__(self, folder):
        self._folder = folder
        self._caches = {}

    @hookimpl
    def prepare_jinja2_environment(self, env, datasette):
        base_url = datasette.setting("base_url")
        if base_url not in self._caches:
            folder = self._folder / quote(base_url, safe="")
            folder.mkdir(parents=True, exist_ok=True)
            self._caches[base_url] = CompiledTemplates(folder)
        env.bytecode_cache = self._caches[base_url]


@pytest.fixture(scope="session", autouse=True)
def share_templates(tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # of all processes of this run
    plugin = ShareTemplates(folder / "templates")
    pm.register(plugin, "share_templates")
    yield
    pm.unregister(plugin)


@pytest.fixture(scope="session", autouse=True)
def list_plugins_once():
    """Datasette looks into the packages of all plugins for each site: here once, while they stay the same."""
    known = {}

    def listed():
        plugins = frozenset(pm.get_plugins())
        if plugins not in known:
            known[plugins] = get_plugins()
        return [dict(one) for one in known[plugins]]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("datasette.app.get_plugins", listed)
        yield


@pytest.fixture
def make_site(tmp_path):
    """Build sites: `make_site(filled=True, **config)`."""
    yield from site_maker(tmp_path)


@pytest.fixture(scope="module")
def module_site(tmp_path_factory):
    """The same, for sites that the tests of a file share."""
    yield from site_maker(tmp_path_factory.mktemp("sites"))


def site_maker(folder):
    sites = []

    def make(filled=True, name="house.db", **options):
        path = Path(folder) / name
        if not path.exists():
            write = write_filled if filled else new_database
            write(path)
        gateways = (
            GatewaySettings("main", tcp="main:5003"),
            GatewaySettings("shed", tcp="shed:5003", metric=False),
        )
        options = {"title": "Hill house", "timezone": "UTC", "gateways": gateways, **options}
        sites.append(SiteClient(build(Config(database=path, **options))))
        sites[-1].datasette.sql_time_limit_ms = PATIENT_MS
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
        house = write_house(path, days, step, timezone, now, **history)
        add_tariffs(path, *tariffs)
        return house, make_site(timezone=timezone)

    return make


@pytest.fixture
def serve(tmp_path):
    """A function that starts a site over a filled database; `more` are lines of its config."""
    yield from site_starter(tmp_path)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A site that the tests of a file share: one start instead of many."""
    starter = site_starter(tmp_path_factory.mktemp("served"))
    yield next(starter)()
    starter.close()


def site_starter(folder):
    sites = []

    def start(more=""):
        sites.append(Served(folder, more))
        return sites[-1]

    try:
        yield start
    finally:
        for site in sites:
            site.end()
