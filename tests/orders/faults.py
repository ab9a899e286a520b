"""What can go wrong between orders and products. Each is a `Fault` for `FakeProducts`."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from common.upstream import Answer, BrokenOff, Call, TimedOut, Unreachable

from .fake_products import FakeProducts, Fault, answer


class Crash(BaseException):
    """The process ends here. No code of Plaza may catch this."""


def down(products: FakeProducts, call: Call) -> Answer:
    raise Unreachable("products", "no connection")


def timeout(products: FakeProducts, call: Call) -> Answer:
    """The call never arrives."""
    raise TimedOut("products", "no whole answer in time")


def late(products: FakeProducts, call: Call) -> Answer:
    """The call arrives when nobody waits for it any more: at `products.arrive()`."""
    products.on_the_way.append(call)
    raise TimedOut("products", "no whole answer in time")


def reply_lost(products: FakeProducts, call: Call) -> Answer:
    products.serve(call)
    raise BrokenOff("products", "the connection ended before the answer did")


def doubled(products: FakeProducts, call: Call) -> Answer:
    products.serve(call)
    return products.serve(call)


def crash_before(products: FakeProducts, call: Call) -> Answer:
    raise Crash


def crash_after(products: FakeProducts, call: Call) -> Answer:
    products.serve(call)
    raise Crash


def of_order(order_id: UUID, fault: Fault) -> Fault:
    """Only calls that name this order fail."""

    def of_this(products: FakeProducts, call: Call) -> Answer:
        is_named = str(order_id) in f"{call.path} {call.body!r}"
        return fault(products, call) if is_named else products.serve(call)

    return of_this


def status(code: int) -> Fault:
    return lambda products, call: answer(code, {"type": "/problems/some", "status": code})


def raw(body: bytes, code: int = 200) -> Fault:
    return lambda products, call: Answer(code, {}, body)


def altered(**members: Any) -> Fault:
    """The call is carried out, but the answer breaks the contract."""

    def fault(products: FakeProducts, call: Call) -> Answer:
        return answer(200, {**json.loads(products.serve(call).body), **members})

    return fault


def meanwhile(before: Callable[[], Any] = lambda: None, after: Callable[[], Any] = lambda: None) -> Fault:
    """Something else happens before the call arrives, or while its answer is on the way back."""

    def fault(products: FakeProducts, call: Call) -> Answer:
        before()
        result = products.serve(call)
        after()
        return result

    return fault


garbage = raw(b"<html>It works!</html>")
held_but_empty = altered(state="held", items=[])
wrong_order_id = altered(order_id=str(uuid4()))
