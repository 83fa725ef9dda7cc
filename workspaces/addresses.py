"""The address that a request comes from, and which addresses count as one."""

from ipaddress import IPv6Address, ip_address, ip_network

from django.http import HttpRequest

# Internet providers give each customer at least a /64 of IPv6, and a customer can use any address in it.
IPV6_PREFIX = 64


def client_address(request: HttpRequest) -> str | None:
    """The address that the request was sent from; None when the server cannot tell, as on a Unix socket."""
    return request.META.get("REMOTE_ADDR") or None


def network_of(address: str | None) -> str:
    """The network whose addresses count as one: an IPv4 address itself, or the /64 of an IPv6 one.

    "unknown" for no address, so that all requests without one are counted together.
    """
    try:
        found = ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is None:
            return str(ip_network((found.packed, IPV6_PREFIX), strict=False))
        found = found.ipv4_mapped
    return str(found)
