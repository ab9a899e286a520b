"""Where a request comes from, however it is spelled, and whom the gateway believes about it."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from hypothesis import given, strategies as st

from gateway_project.store.addresses import client_address, network_of, parse_address

ADDRESSES = st.ip_addresses()
PORTS = st.integers(0, 65_535)


def request_from(peer: str, forwarded: str = "") -> HttpRequest:
    return RequestFactory().get("/", REMOTE_ADDR=peer, headers={"X-Forwarded-For": forwarded})


@st.composite
def spellings(draw: Any) -> tuple[str, str]:
    """An address as some proxy writes it, and as it is counted."""
    address = draw(ADDRESSES)
    counted = str(address)
    if isinstance(address, IPv6Address):
        counted = str(address.ipv4_mapped or address)
        zone = draw(st.sampled_from(["", "%eth0", "%1"]))
        forms = [str(address), address.exploded, address.exploded.upper()]
        text = draw(st.sampled_from(forms)) + zone
        written = [text, f"[{text}]", f"[{text}]:{draw(PORTS)}"]
    else:
        text = str(address)
        written = [text, f"{text}:{draw(PORTS)}", f"::ffff:{text}", f"[::FFFF:{text}]:{draw(PORTS)}"]
    margin = draw(st.sampled_from(["", " ", "\t"]))
    return margin + draw(st.sampled_from(written)) + margin, counted


@given(spellings())
def test_an_address_is_the_same_in_every_spelling(spelling: tuple[str, str]) -> None:
    written, counted = spelling
    assert str(parse_address(written)) == counted
    assert client_address(request_from(written.strip())) == counted


@given(st.text() | st.from_regex(r"[0-9a-fA-F:.%\[\]]{0,45}", fullmatch=True))
def test_any_text_is_an_address_or_none(text: str) -> None:
    address = parse_address(text)
    assert address is None or address == ip_address(str(address))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unknown",
        "_hidden",
        "localhost",
        "10.0.0",
        "10.0.0.1/8",
        "010.0.0.1",
        "10.0.0.1:",
        "10.0.0.1:port",
        "10.0.0.1:123456",
        "[10.0.0.1",
        "[::1]x",
        "::1]",
        "1.2.3.4%eth0",
        "٣.1.1.1",
    ],
)
def test_what_is_no_address(text: str) -> None:
    assert parse_address(text) is None


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_the_addresses_of_one_ipv6_network_count_together(network: int, one: int, other: int) -> None:
    first, second = IPv6Address(network << 64 | one), IPv6Address(network << 64 | other)
    assert network_of(str(first)) == network_of(str(second)) == str(ip_network((network << 64, 64)))
    assert network_of(str(IPv6Address((network ^ 1) << 64 | one))) != network_of(str(first))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_counts_by_itself(address: IPv4Address) -> None:
    assert network_of(str(address)) == str(address)


def test_without_an_address_there_is_one_count_for_all() -> None:
    assert network_of(client_address(request_from(""))) == ""


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "expected"),
    [
        ("198.51.100.1", "10.0.0.1", [], "198.51.100.1"),
        ("198.51.100.1", "10.0.0.1", ["192.0.2.1"], "198.51.100.1"),
        ("192.0.2.1", "203.0.113.5", ["192.0.2.1"], "203.0.113.5"),
        ("192.0.2.1", "10.0.0.1, 203.0.113.5", ["192.0.2.1"], "203.0.113.5"),
        ("192.0.2.1", "10.0.0.1, 203.0.113.5, 192.0.2.2", ["192.0.2.1", "192.0.2.2"], "203.0.113.5"),
        ("192.0.2.1", "10.0.0.1, 203.0.113.5, 192.0.2.99:8080", ["192.0.2.0/24"], "203.0.113.5"),
        ("::ffff:192.0.2.1", "203.0.113.5:50000", ["192.0.2.1"], "203.0.113.5"),
        ("fd00::7", "[2001:DB8:0:0::1]:443, fd00::0:8", ["fd00::/8"], "2001:db8::1"),
        ("192.0.2.1", "", ["192.0.2.1"], "192.0.2.1"),
        ("192.0.2.1", "192.0.2.1", ["192.0.2.1"], "192.0.2.1"),
        ("192.0.2.1", " , 203.0.113.5 ,", ["192.0.2.1"], "203.0.113.5"),
        ("192.0.2.1", "203.0.113.5, unknown", ["192.0.2.1"], "192.0.2.1"),
        ("192.0.2.1", "10.0.0.1, garbage, 192.0.2.2", ["192.0.2.0/24"], "192.0.2.2"),
        ("192.0.2.1", "a" * 100, ["192.0.2.1"], "192.0.2.1"),
        ("", "203.0.113.5", ["0.0.0.0/0", "::/0"], ""),
    ],
)
def test_only_a_trusted_proxy_is_believed_about_whom_it_forwards(
    peer: str, forwarded: str, trusted: list[str], expected: str, settings: Any
) -> None:
    settings.TRUSTED_PROXIES = [ip_network(each) for each in trusted]
    assert client_address(request_from(peer, forwarded)) == expected
