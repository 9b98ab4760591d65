"""The section `ups:` of config.yml, and every source of UPSes that the config has."""

from collections.abc import Iterable

from ingest.config.must import MustSettings
from ingest.config.nut import NutServerSettings
from ingest.ups.registry import UpsSource


def ups_sources(nut: Iterable[NutServerSettings], must: Iterable[MustSettings]) -> list[UpsSource]:
    """Every source of UPSes in the config, in its order: NUT servers, then EP20s."""
    servers = [
        UpsSource(
            server.name,
            "nut",
            f"{server.host}:{server.port}",
            tuple(f"{ups}@{server.name}" for ups in server.ups),
        )
        for server in nut
    ]
    return servers + [UpsSource(device.name, "must", device.serial, (device.name,)) for device in must]
