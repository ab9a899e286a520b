"""What the gateway passes on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ProxiedAnswer:
    """A service's answer after its check.

    Attributes:
        status
        headers: those that the client may see.
        content: what the JSON is made from; None where there is no content.
        cache_control: what the service says to caches; the client doesn't see it.
    """

    status: int
    headers: Mapping[str, str]
    content: Any
    cache_control: str = ""
