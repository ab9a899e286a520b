"""Of two writes with one `If-Match`, one wins: the second sees the row as the first has left it."""

import threading
from functools import partial
from typing import Any

import pytest
from django.db import connection

from common.api.errors import PreconditionFailed
from products_project.products.models import Product
from products_project.products.services import Movement, hide_product, move_stock, update_product
from tests.products.shop import STAFF, Make
from tests.support.threads import race

TOGETHER_S = 0.5  # how long a write waits for the other before it looks at the row: locked out, that one never comes


def change_name(product: Product, precondition: Any) -> object:
    return update_product(product_id=product.pk, changes={"name": "Renamed"}, precondition=precondition)


def hide(product: Product, precondition: Any) -> object:
    return hide_product(product_id=product.pk, precondition=precondition)


def take_one(product: Product, precondition: Any) -> object:
    movement = Movement(product_id=product.pk, delta=-1, reason="", by=STAFF)
    return move_stock(movement, key=None, precondition=precondition)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("write", [change_name, hide, take_one])
def test_one_of_two_writes_with_the_same_precondition_wins(write: Any, make: Make) -> None:
    product = make(stock=5)
    both_look = threading.Barrier(2)

    def is_unchanged(found: Product) -> bool:
        try:
            both_look.wait(TOGETHER_S)
        except threading.BrokenBarrierError:
            pass
        return found.updated_at == product.updated_at

    outcomes = race(*[partial(write, product, is_unchanged)] * 2, prepare=connection.ensure_connection)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert len(refused) == 1
    assert type(refused[0]).__name__ in {"PreconditionFailed", "Http404"}, refused
    assert isinstance(refused[0], PreconditionFailed) or write is hide
