"""Which addresses may dial in as a gateway. Pure."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def parse_peer(host: str) -> Address:
    """The address of a peer; one of IPv4 that came by a socket of IPv6 is one of IPv4, a zone is dropped."""
    address = ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def parse_network(text: str) -> Network:
    """An address, or a network such as 192.168.1.0/24. Raises ValueError."""
    return ip_network(text) if "/" in text else ip_network(parse_peer(text))


def is_allowed(peer: Address, networks: Iterable[Network]) -> bool:
    """Whether one of the networks has this address."""
    return any(peer in network for network in networks)


def split_listen(text: str) -> tuple[str, int]:
    """ADDRESS:PORT as both; an IPv6 address stands in brackets. Raises ValueError."""
    host, _, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    address = ip_address(host[1:-1] if bracketed else host)
    if bracketed != isinstance(address, IPv6Address):
        raise ValueError(f"{host!r} is not an address of its kind: brackets are for IPv6")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{port!r} is not a port")
    return str(address), int(port)
