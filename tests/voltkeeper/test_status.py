"""`voltkeeper status` lists what needs attention, by the severity that pages show."""

import time

from ingest.db.connection import connect
from ingest.db.time import format_utc
from tests.helpers.new_database import new_database
from tests.plugins.ups_house import House
from voltkeeper.status import read_attention


def test_it_lists_what_needs_attention_without_the_sources(tmp_path):
    path = tmp_path / "house.db"
    assert read_attention(path) == []
    new_database(path)
    House(path, days=0.05).write(lost=("garage",))
    connection = connect(path)
    connection.execute("update ups set status = 'OL BYPASS' where id = 1")
    connection.execute(
        "insert into events (event, ups, started_at) values ('LOWBATT', 2, ?)", (format_utc(time.time()),)
    )
    assert read_attention(path) == [
        "Critical UPS Desk (desk@closet): on mains",
        "Warning  UPS Rack (rack@closet): on mains, on bypass, not protected",
    ]
    connection.execute(
        """insert into acknowledgements (subject, event, text) values
        ('rack@closet', 'BYPASS', 'on bypass, not protected')"""
    )
    connection.close()
    assert read_attention(path) == ["Critical UPS Desk (desk@closet): on mains"]
