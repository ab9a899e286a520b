"""Which prices a currency has."""

from decimal import Decimal

import pytest
from rest_framework.serializers import ValidationError

from common.catalogue import check_price


@pytest.mark.parametrize(("price", "currency"), [("10.55", "EUR"), ("10.50", "XXX"), ("10", "JPY"), ("10.00", "JPY")])
def test_a_price_has_the_decimals_of_its_currency(price: str, currency: str) -> None:
    check_price(Decimal(price), currency)


@pytest.mark.parametrize(
    ("price", "currency", "told"),
    [
        ("10.555", "EUR", "An amount in EUR has at most 2 decimals."),
        ("10.5", "JPY", "An amount in JPY has no decimals."),
    ],
)
def test_a_price_that_its_currency_cannot_have_is_refused_with_what_it_can(
    price: str, currency: str, told: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        check_price(Decimal(price), currency)
    assert refused.value.get_full_details() == {"price": [{"message": told, "code": "decimals"}]}
