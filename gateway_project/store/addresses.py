"""Where a request comes from, in the one spelling by which it is counted."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

Address = IPv4Address | IPv6Address

NETWORK_BITS = 64  # of an IPv6 address: whoever has one address of such a network has all of them
_WITH_PORT = re.compile(r"\[(?P<bracketed>[^\[\]]+)\](?::[0-9]{1,5})?|(?P<ipv4>[0-9.]+):[0-9]{1,5}")


def client_address(request: HttpRequest) -> str:
    """The peer's address; behind trusted proxies, the last address in X-Forwarded-For that is not theirs.

    An entry that is no address ends the search: then the proxy that passed it on is all that is known. Without any
    address, as behind a Unix socket, it is the empty string.
    """
    return address_behind(request.META.get("REMOTE_ADDR", ""), request.headers.get("X-Forwarded-For", ""))


def address_behind(peer: str, forwarded_for: str) -> str:
    """As `client_address`, of a request that is only a head yet."""
    address = parse_address(peer)
    hops = [hop for hop in forwarded_for.split(",") if hop.strip()]
    while hops and _is_trusted(address) and (hop := parse_address(hops.pop())):
        address = hop
    return "" if address is None else str(address)


def network_of(address: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 of an IPv6 address."""
    if ":" not in address:
        return address
    return str(ip_network((address, NETWORK_BITS), strict=False))


def client_network(request: HttpRequest) -> str:
    return network_of(client_address(request))


def parse_address(text: str) -> Address | None:
    """The address in one entry of X-Forwarded-For, which some proxies write with brackets or a port.

    An IPv6 address loses its zone, and an IPv4-mapped one is the IPv4 address. None if it is no address.
    """
    text = text.strip()
    match = _WITH_PORT.fullmatch(text)
    try:
        address = ip_address((match["bracketed"] or match["ipv4"]) if match else text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))


def _is_trusted(address: Address | None) -> bool:
    return any(address in network for network in settings.TRUSTED_PROXIES) if address else False
