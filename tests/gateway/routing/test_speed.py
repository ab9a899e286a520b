"""Checking what leaves must not cost what checking with DRF costs. A ratio, for no two machines are equally fast."""

import time
from collections.abc import Callable
from typing import Any

import msgspec

from gateway_project.routing.contracts import contract_for
from gateway_project.routing.routes import page_of
from gateway_project.schemas.products import Product
from tests.gateway.examples import page, products

ROWS = products(20)
BODY = msgspec.json.encode(page(*ROWS))


def fastest_s(work: Callable[[], Any], repeats: int) -> float:
    """The least disturbed of `repeats`, in CPU seconds."""
    best = float("inf")
    for _ in range(repeats):
        started_at = time.thread_time()
        work()
        best = min(best, time.thread_time() - started_at)
    return best


def test_a_page_is_decoded_and_encoded_ten_times_as_fast_as_drf_validates_it() -> None:
    contract, encode = contract_for(page_of(Product)), msgspec.json.Encoder().encode

    class Writable(Product):
        """The same checks, with the members that only leave let in."""

        def get_fields(self) -> dict[str, Any]:
            fields: dict[str, Any] = super().get_fields()
            for field in fields.values():
                field.read_only = False
            return fields

    def with_msgspec() -> bytes:
        return encode(contract.decode("products", BODY))

    def with_drf() -> bool:
        return bool(Writable(data=ROWS, many=True).is_valid(raise_exception=True))

    assert with_msgspec() == BODY
    assert with_drf()
    batch = 20
    ours_s = fastest_s(lambda: [with_msgspec() for _ in range(batch)], 30) / batch
    assert fastest_s(with_drf, 30) > 10 * ours_s
