"""Who uses the shop: buyers who buy, repeat and cancel, and staff who move stock, prices and orders.

Most repeat a request with its idempotency key until the answer is definite. All remember what they were told.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from .databases import File
from .http import Answer, Callers, Request
from .processes import Server
from .scheduler import SCHEDULER, Died

BUYERS = [UUID(int=(7 << 76) | (2 << 62) | number) for number in (1, 2)]
STAFF = UUID(int=(7 << 76) | (2 << 62) | 9)
DEFINITE = frozenset({200, 201, 202, 204, 404, 409, 422})
IMPATIENT = 0.4  # how many ask only once
PATIENCE_S = 3.0  # of the gateway
PAUSES_S = (0.05, 0.5, 2.0, 5.0)
FATES = ("answered", "answer lost on its way to the client", "client gives up")

Then = Callable[[Answer | None], None]


@dataclass
class Purchase:
    """`note` is unique, and the order's. `told` are the statuses that somebody was told it has, in this order."""

    note: str
    buyer: UUID
    key: str | None
    lines: dict[str, int]
    order_ids: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    totals: set[str] = field(default_factory=set)
    is_cancelled: bool = False
    may_be_cancelled: bool = False
    may_be_hidden: bool = False
    is_insisted_on: bool = False


@dataclass
class Movement:
    key: str
    product: str
    delta: int
    is_done: bool = False


class Shop:
    """`open` are the requests that still want an answer."""

    def __init__(
        self, servers: Sequence[Server], orders: File, products: Sequence[str], faults: "Counter[str]"
    ) -> None:
        self.bounds: tuple[float, ...] = ()  # how likely each of the FATES is
        self.purchases: list[Purchase] = []
        self.movements: list[Movement] = []
        self.products = products
        self.open = 0
        self._servers = servers
        self._orders = orders
        self._faults = faults
        self._callers = Callers()
        self._count = 0

    # What happens. Each draws what it needs.

    def buy(self) -> None:
        choices = SCHEDULER.choices
        self._count += 1
        buyer = choices.one_of(BUYERS)
        has_key, is_patient = not choices.chance(0.2), not choices.chance(IMPATIENT)
        lines = {choices.one_of(self.products): 1 + choices.below(3) for _ in range(1 + choices.below(2))}
        note = f"n{self._count}"
        purchase = Purchase(note, buyer, f"k{self._count}" if has_key else None, lines)
        self.purchases.append(purchase)
        self._place(purchase, is_patient=has_key and is_patient)

    def buy_again(self) -> None:
        """The same key and body, perhaps while the first request is on its way."""
        if keyed := [purchase for purchase in self.purchases if purchase.key]:
            self._place(SCHEDULER.choices.one_of(keyed), is_patient=True)

    def cancel(self) -> None:
        if found := self._some_order():
            purchase, order_id = found
            purchase.may_be_cancelled = True
            self._persist(
                "orders",
                "POST",
                f"/orders/{order_id}/cancel/",
                user=purchase.buyer,
                then=lambda answer: self._cancelled(purchase, answer),
                is_repeated=not SCHEDULER.choices.chance(IMPATIENT),
            )

    def pay(self) -> None:
        if found := self._some_order():
            purchase, order_id = found
            body = {"status": "paid"}
            self._persist(
                "orders",
                "PATCH",
                f"/orders/{order_id}/",
                body,
                user=STAFF,
                is_staff=True,
                then=lambda answer: self._read(purchase, answer),
            )

    def hide_order(self) -> None:
        if found := self._some_order():
            purchase, order_id = found
            purchase.may_be_hidden = True
            self._persist("orders", "DELETE", f"/orders/{order_id}/", user=purchase.buyer)

    def move_stock(self) -> None:
        choices = SCHEDULER.choices
        self._count += 1
        movement = Movement(f"m{self._count}", choices.one_of(self.products), choices.one_of((1, 2, -1, -2)))
        self.movements.append(movement)
        self._persist(
            "products",
            "POST",
            f"/products/{movement.product}/stock/",
            {"delta": movement.delta},
            user=STAFF,
            is_staff=True,
            key=movement.key,
            then=lambda answer: _moved(movement, answer),
        )

    def hide_product(self) -> None:
        path = f"/products/{SCHEDULER.choices.one_of(self.products)}/"
        self._persist("products", "DELETE", path, user=STAFF, is_staff=True)

    def reprice(self) -> None:
        path = f"/products/{SCHEDULER.choices.one_of(self.products)}/"
        body = {"price": f"{1 + SCHEDULER.choices.below(9)}.00"}
        self._persist("products", "PATCH", path, body, user=STAFF, is_staff=True)

    # How.

    def _some_order(self) -> tuple[Purchase, str] | None:
        """Also one whose buyer has no answer yet, but sees it in the list."""
        found = {note: str(UUID(order_id)) for note, order_id in self._orders.rows("SELECT note, id FROM orders_order")}
        placed = [purchase for purchase in self.purchases if purchase.note in found]
        if not placed:
            return None
        purchase = SCHEDULER.choices.one_of(placed)
        return purchase, found[purchase.note]

    def _place(self, purchase: Purchase, *, is_patient: bool) -> None:
        purchase.is_insisted_on |= is_patient
        items = [{"product_id": product, "quantity": quantity} for product, quantity in purchase.lines.items()]
        self._persist(
            "orders",
            "POST",
            "/orders/",
            {"items": items, "note": purchase.note},
            user=purchase.buyer,
            key=purchase.key,
            then=lambda answer: self._placed(purchase, answer),
            is_repeated=is_patient,
        )

    def _placed(self, purchase: Purchase, answer: Answer | None) -> None:
        if answer is None:
            return
        if answer.status == 409:
            purchase.order_ids.add(answer.content["order_id"])
            purchase.told.append("rejected")
        elif answer.status == 404 and purchase.may_be_hidden:
            pass
        elif answer.status in (200, 201, 202):
            self._read(purchase, answer)
        else:
            SCHEDULER.fail(f"{purchase.note} is answered {answer.status}: {answer.body.decode()}")

    def _read(self, purchase: Purchase, answer: Answer | None) -> None:
        if answer is not None and answer.status < 300:
            purchase.order_ids.add(answer.content["id"])
            purchase.told.append(answer.content["status"])
            if answer.content["total"] is not None:
                purchase.totals.add(answer.content["total"])

    def _cancelled(self, purchase: Purchase, answer: Answer | None) -> None:
        if answer is not None and answer.status == 200:
            purchase.is_cancelled = True
            self._read(purchase, answer)

    def _persist(
        self,
        project: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: UUID,
        is_staff: bool = False,
        key: str | None = None,
        then: Then = lambda answer: None,
        is_repeated: bool = True,
    ) -> None:
        self.open += 1
        tries = 0

        def send() -> None:
            made = self._callers.request(project, method, path, body, user=user, is_staff=is_staff, key=key)
            self._send(project, made, judge)

        def judge(answer: Answer | None) -> None:
            nonlocal tries
            if answer is not None and answer.status == 500:
                SCHEDULER.fail(f"{method} {path} is answered 500")
            is_definite = answer is not None and answer.status in DEFINITE
            if is_definite or not is_repeated:
                self.open -= 1
                then(answer if is_definite else None)
                return
            SCHEDULER.after(PAUSES_S[min(tries, len(PAUSES_S) - 1)], send)
            tries += 1

        send()

    def _send(self, project: str, request: Request, then: Then) -> None:
        """Once, by any server that lives."""
        alive = [server for server in self._servers if server.project == project and server.is_alive]
        if not alive:
            SCHEDULER.after(0.0, lambda: then(None))
            return
        server = SCHEDULER.choices.one_of(alive)
        fate = FATES[SCHEDULER.choices.weighted(self.bounds)] if self.bounds else FATES[0]
        is_waiting = True

        def end(answer: Answer | None) -> None:
            nonlocal is_waiting
            if is_waiting:
                is_waiting = False
                then(answer)

        if fate != FATES[0]:
            self._faults[fate] += 1
        name = f"{request.method} {request.path[:8]}"
        server.serve(name, request, lambda answer: end(None if answer is Died or fate == FATES[1] else answer))
        SCHEDULER.after(0.0 if fate == FATES[2] else PATIENCE_S, lambda: end(None))


def _moved(movement: Movement, answer: Answer | None) -> None:
    movement.is_done = answer is not None and answer.status == 201
