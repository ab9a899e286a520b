"""What a product's SKU, currency and price may be: the gateway and products ask the same."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.utils.translation import gettext_lazy as _, ngettext
from iso4217 import Currency
from rest_framework import serializers

MAX_SKU = 64
DEFAULT_CURRENCY = "EUR"

# How many decimals an amount has. ISO 4217 gives none to metals and test codes, and an amount here has two at most.
DECIMALS: Mapping[str, int] = {
    each.code: each.exponent for each in Currency if each.exponent is not None and each.exponent <= 2
}


def validate_sku(sku: str) -> None:
    if not sku.isprintable():
        raise DjangoValidationError(
            _("Use letters, digits, punctuation and plain spaces only. A character here cannot be printed."), "invalid"
        )


def validate_currency(code: str) -> None:
    if code not in DECIMALS:
        raise DjangoValidationError(
            _("Use a code of ISO 4217 in capitals, such as EUR, of a currency with at most two decimals."), "invalid"
        )


def check_price(price: Decimal, currency: str) -> None:
    """Raises `ValidationError`. A currency from before `validate_currency` is taken to have two decimals."""
    decimals = DECIMALS.get(currency, 2)
    if price == round(price, decimals):
        return
    message = ngettext(
        "An amount in %(currency)s has at most %(count)d decimal.",
        "An amount in %(currency)s has at most %(count)d decimals.",
        decimals,
    )
    if not decimals:
        message = str(_("An amount in %(currency)s has no decimals."))
    raise serializers.ValidationError({"price": [message % {"currency": currency, "count": decimals}]}, "decimals")


class SkuField(serializers.CharField):
    def __init__(self, **options: Any) -> None:
        options.setdefault("help_text", _("Up to 64 printable characters; no other product may have it in any case."))
        super().__init__(max_length=MAX_SKU, validators=[validate_sku], **options)


class CurrencyField(serializers.CharField):
    def __init__(self, **options: Any) -> None:
        options.setdefault("help_text", _("A code of ISO 4217, such as EUR."))
        super().__init__(max_length=3, validators=[validate_currency], **options)
