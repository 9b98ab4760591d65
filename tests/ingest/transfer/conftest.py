"""Fixtures of the tests of import and export."""

import pytest

from tests.ingest.transfer.import_site import ImportSite


@pytest.fixture
def make_site(tmp_path):
    """A function that makes a site of this name."""
    return lambda name="site", **options: ImportSite(tmp_path / name, **options)


@pytest.fixture
def site(make_site):
    return make_site()
