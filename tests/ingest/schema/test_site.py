"""The key of a site, by which other programs tell it from another one."""

import re
from contextlib import closing

from ingest.db.connection import connect
from ingest.schema.migrate import migrate
from ingest.schema.site import READ_KEY


def key_of(path):
    migrate(path)
    with closing(connect(path)) as connection:
        [(key,)] = connection.execute(READ_KEY)
    return key


def test_each_database_has_a_key_that_stays(tmp_path):
    keys = [key_of(tmp_path / name) for name in ("a.db", "b.db")]
    assert all(re.fullmatch("[0-9a-f]{8}", key) for key in keys) and len(set(keys)) == 2
    assert key_of(tmp_path / "a.db") == keys[0]
