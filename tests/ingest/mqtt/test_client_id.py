"""Client ids: of each prefix another one."""

from ingest.mqtt.client_id import gateway_part, publisher_part


def test_each_prefix_has_its_own_id():
    prefixes = ("voltkeeper", "a/b", "a-b", "a//b", "a_b", "Käfig/ü", "K-fig--")
    assert len({publisher_part(prefix) for prefix in prefixes}) == len(prefixes)
    assert publisher_part("voltkeeper") == "publish-voltkeeper"
    assert all(publisher_part(prefix).isascii() for prefix in prefixes)
    assert len({gateway_part(number, prefix) for number in (0, 1) for prefix in ("a/b", "a-b")}) == 4
