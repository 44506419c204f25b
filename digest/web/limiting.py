"""Whose network a request comes from: what limits count by."""

from ipaddress import IPv6Address, ip_address, ip_network

from fastapi import Request

__all__ = ["client_network", "network_of"]

# What one customer of a provider usually has at most.
IPV4_BITS = 24
IPV6_BITS = 48


def client_network(request: Request) -> str:
    """The network of whoever asks, as far as trusted proxies tell it (``trusted_proxies``)."""
    return network_of(request.client.host if request.client is not None else "")


def network_of(host: str) -> str:
    """The /24 of an IPv4 address, the /48 of an IPv6 one; all else counts as one network by its name."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host[:64]
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    bits = IPV4_BITS if address.version == 4 else IPV6_BITS
    return str(ip_network((address, bits), strict=False))
