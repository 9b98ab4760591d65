"""Fixtures of the tests of moving."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # moving_house, tracker_file, nutify_file

from moving_house import House


@pytest.fixture
def make_house(tmp_path):
    """A function that makes a house of this name."""
    return lambda name="house", **options: House(tmp_path / name, **options)


@pytest.fixture
def house(make_house):
    return make_house()
