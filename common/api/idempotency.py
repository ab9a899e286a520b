"""The `Idempotency-Key` header, as in the IETF draft of that name. A request with a key is carried out only once."""

import hashlib
import re
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.utils.encoders import JSONEncoder

from common.api.errors import Problem

HEADER = "Idempotency-Key"
REPLAYED = {"Idempotent-Replayed": "true"}
KEY = re.compile(r"[!-~]{1,255}")


class KeyReused(Problem):
    status_code = 422
    slug = "idempotency-key-reused"
    title = _("Idempotency key reused")
    default_detail = _("This Idempotency-Key came with another body before. Use a new key for another request.")


def idempotency_key(request: Request) -> str | None:
    """The request's key, or None. It may be a quoted string.

    Raises:
        ValidationError: the key isn't 1 to 255 visible ASCII characters.
    """
    value = request.headers.get(HEADER)
    if value is None:
        return None
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1]
    if not KEY.fullmatch(value):
        raise ValidationError({"": [_("Idempotency-Key takes 1 to 255 visible ASCII characters.")]})
    return value


def fingerprint(parsed: Any) -> str:
    """A digest of a parsed body. It doesn't depend on how the JSON was written."""
    canonical = JSONEncoder(sort_keys=True, separators=(",", ":")).encode(parsed)
    return hashlib.sha256(canonical.encode()).hexdigest()
