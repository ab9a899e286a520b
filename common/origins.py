"""Origins, URLs and host names, as people write them into variables, read strictly.

What has one meaning only is normalized: upper case, a default port, a slash or a dot at the end, letters beyond ASCII.
Anything else is refused at the start, since later it would only keep people from signing in.
"""

import ipaddress
import re
from collections.abc import Callable, Sequence
from urllib.parse import SplitResult, urlsplit

import idna
from django.core.exceptions import ImproperlyConfigured

from common.settings import env, env_list

DEFAULT_PORTS = {"http": 80, "https": 443}
UNUSUAL = re.compile(r"[\x00-\x20\x7f\\]")
NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")


def env_origin(name: str, default: str) -> str:
    """A scheme, a host and perhaps a port: `https://shop.example`, `http://127.0.0.1:8000`.

    Raises:
        ImproperlyConfigured
    """
    return _read(name, env(name, default), "an origin, as in https://shop.example or http://10.0.0.7:8080", origin)


def env_origins(name: str) -> list[str]:
    """Several of them, with commas between. Raises `ImproperlyConfigured`."""
    wanted = "origins, as in https://shop.example,http://localhost:3000"
    return [_read(name, text, wanted, origin) for text in env_list(name)]


def env_base_url(name: str, default: str) -> str:
    """An origin, and perhaps a path below which a service is. Raises `ImproperlyConfigured`."""
    return _read(name, env(name, default), "a URL, as in http://10.0.0.7:8001 or https://inner.example/users", base_url)


def env_server_url(name: str, schemes: Sequence[str], example: str) -> str:
    """The URL of a database, or "". It may hold a password, so a refusal doesn't repeat it.

    Raises:
        ImproperlyConfigured
    """
    text = env(name)
    scheme, mark, rest = text.partition("://")
    if text and not (scheme in schemes and mark and rest):
        raise ImproperlyConfigured(f"{name} takes a URL that begins with {schemes[0]}://, as in {example}.")
    return text


def env_hosts(name: str) -> list[str]:
    """Names and addresses without scheme or port; `.shop.example` is every name below, `*` any.

    Raises:
        ImproperlyConfigured
    """
    wanted = "names and addresses without scheme or port, as in shop.example,.shop.example,10.0.0.7"
    return [text if text == "*" else _read(name, text, wanted, _pattern) for text in env_list(name)]


def allowed_hosts(*also: str) -> list[str]:
    """`ALLOWED_HOSTS`, and always this machine's loopback: the other projects use it. Raises `ImproperlyConfigured`."""
    return [*env_hosts("ALLOWED_HOSTS"), *also, "127.0.0.1", "localhost", "[::1]"]


def origin(text: str) -> str:
    """Raises `ValueError`."""
    parts = _split(text)
    if parts.path not in {"", "/"}:
        raise ValueError("it has a path")
    return _origin_of(parts)


def base_url(text: str) -> str:
    """Raises `ValueError`."""
    parts = _split(text)
    return _origin_of(parts) + parts.path.rstrip("/")


def host(text: str) -> str:
    """An address, or a name in lower case and ASCII. Raises `ValueError`."""
    bare = text.removeprefix("[").removesuffix("]")
    if ":" in bare or bare.replace(".", "").isdecimal():
        address = ipaddress.ip_address(bare)
        return f"[{address}]" if address.version == 6 else str(address)
    name = text.rstrip(".").lower()
    if not name.isascii():
        return host(idna.encode(name, uts46=True).decode())  # "²" becomes "2", which is no name
    if len(name) > 253 or not NAME.fullmatch(name):
        raise ValueError("it names no host")
    return name


def _pattern(text: str) -> str:
    return f".{host(text[1:])}" if text.startswith(".") else host(text)


def _split(text: str) -> SplitResult:
    parts = urlsplit(text)
    if UNUSUAL.search(text) or parts.query or parts.fragment or "?" in text or "#" in text:
        raise ValueError("it has more than that")
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError("it does not begin with http:// or https://")
    if parts.username is not None or not parts.hostname:
        raise ValueError("it has no host, or a user's name before it")
    return parts


def _origin_of(parts: SplitResult) -> str:
    port = parts.port
    named = "" if port in {None, DEFAULT_PORTS[parts.scheme]} else f":{port}"
    if port == 0:
        raise ValueError("0 is no port")
    return f"{parts.scheme}://{host(parts.hostname or '')}{named}"


def _read(name: str, text: str, wanted: str, read: Callable[[str], str]) -> str:
    try:
        return read(text)
    except ValueError as error:  # idna's errors are ValueErrors too
        raise ImproperlyConfigured(f"{name} is {text!r}: {error}. It takes {wanted}.") from error
