"""What must be true when all has come to rest: nothing lost, doubled, oversold or leaked, and the audit agrees."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from operations.audit import HOLDING, balance, compare, is_unsettled, paired

from .databases import File
from .scheduler import SCHEDULER
from .shop import Purchase, Shop

Row = dict[str, Any]

FOLLOWING = {  # what an order may be that was told to be this
    "pending": {"pending", "confirmed", "rejected", "paid", "cancelled"},
    "confirmed": {"confirmed", "paid", "cancelled"},
    "paid": {"paid", "cancelled"},
    "rejected": {"rejected"},
    "cancelled": {"cancelled"},
}


def check(shop: Shop, orders: File, products: File, statuses: "Counter[str]") -> None:
    found = _orders(orders)
    statuses.update(order["status"] for order in found)
    stock = _stock(products)
    for problem in (
        *_audited(found, _reservations(products), stock),
        *_promised(shop, orders),
        *_sold(found, stock),
        *_moved(shop, products),
        *_priced(orders, products),
    ):
        SCHEDULER.fail(problem)


def _orders(orders: File) -> list[Row]:
    """As the audit gets them, and so are the others."""
    items = _items(orders, "SELECT order_id, product_id, quantity FROM orders_orderline")
    names = ("order_id", "status", "wants", "attempts", "last_error")
    rows = orders.rows(f"SELECT id, {', '.join(names[1:])} FROM orders_order ORDER BY id")
    return [{**dict(zip(names, row, strict=True)), "items": items[row[0]]} for row in rows]


def _reservations(products: File) -> list[Row]:
    items = _items(products, "SELECT reservation_id, product_id, quantity FROM products_reservationline")
    rows = products.rows("SELECT order_id, state FROM products_reservation ORDER BY order_id")
    return [{"order_id": order_id, "state": state, "items": items[order_id]} for order_id, state in rows]


def _items(file: File, lines: str) -> Mapping[str, dict[str, int]]:
    items: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for order_id, product_id, quantity in file.rows(lines):
        items[order_id][product_id] = quantity
    return items


def _stock(products: File) -> list[Row]:
    moved = "(SELECT coalesce(sum(delta), 0) FROM products_stockmovement WHERE product_id = p.id)"
    held = (
        "(SELECT coalesce(sum(quantity), 0) FROM products_reservationline l JOIN products_reservation r "
        "ON r.order_id = l.reservation_id WHERE r.state = 'held' AND l.product_id = p.id)"
    )
    names = ("product_id", "sku", "stock", "moved", "held")
    rows = products.rows(f"SELECT id, sku, stock, {moved}, {held} FROM products_product p")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _audited(orders: list[Row], reservations: list[Row], stock: list[Row]) -> Iterator[str]:
    """By the real audit's comparison."""
    for order, reservation in paired(iter(orders), iter(reservations)):
        if order and is_unsettled(order):
            yield f"order {order['order_id']} is not settled"
        if difference := compare(order, reservation):
            yield f"audit: order {(order or reservation or {})['order_id']}: {difference}"
    for product in stock:
        if difference := balance(product):
            yield f"audit: {difference}"


def _promised(shop: Shop, orders: File) -> Iterator[str]:
    """What clients were told, compared with what there is."""
    rows = orders.rows("SELECT note, id, status, printf('%.2f', total) FROM orders_order ORDER BY id")
    for purchase in shop.purchases:
        found = [
            (str(UUID(order_id)), status, total) for note, order_id, status, total in rows if note == purchase.note
        ]
        yield from _kept(purchase, found)


def _kept(purchase: Purchase, found: list[tuple[str, str, str]]) -> Iterator[str]:
    if len(found) > 1:
        yield f"{purchase.note} made {len(found)} orders"
    if purchase.is_insisted_on and not found:
        yield f"{purchase.note} is lost, although its buyer repeated it until it was answered"
    if purchase.order_ids - {order_id for order_id, _, _ in found}:
        yield f"{purchase.note}: the order that was acknowledged is lost"
    for _, status, total in found:
        if wrong := [told for told in purchase.told if status not in FOLLOWING[told]]:
            yield f"{purchase.note} is {status}, and was told to be {wrong[0]}"
        if purchase.is_cancelled and status != "cancelled":
            yield f"{purchase.note} is {status}, although it was cancelled"
        if status == "cancelled" and not purchase.may_be_cancelled:
            yield f"{purchase.note} is cancelled, and nobody cancelled it"
        if purchase.totals - {total}:
            yield f"{purchase.note} costs {total}, and was told to cost {', '.join(sorted(purchase.totals))}"


def _sold(orders: list[Row], stock: list[Row]) -> Iterator[str]:
    """Oversold or leaked units, by what orders say."""
    sold: Counter[str] = Counter()
    for order in orders:
        if order["status"] in HOLDING:
            sold.update(order["items"])
    for product in stock:
        missing = product["moved"] - sold[product["product_id"]] - product["stock"]
        if missing < 0 or product["stock"] < 0 or sold[product["product_id"]] > product["moved"]:
            yield f"{product['sku']} is oversold: moved {product['moved']}, sold {sold[product['product_id']]}"
        elif missing > 0:
            yield f"{product['sku']} leaks {missing} units"


def _moved(shop: Shop, products: File) -> Iterator[str]:
    rows = Counter(key for (key,) in products.rows("SELECT idempotency_key FROM products_stockmovement"))
    for movement in shop.movements:
        count = rows[movement.key]
        if count > 1 or (movement.is_done and count == 0):
            yield f"the movement {movement.key} has {count} rows in the ledger"


def _priced(orders: File, products: File) -> Iterator[str]:
    """The lines of an order are what products held for it, at the price of that moment, and add up to its total."""
    lines = (
        "SELECT order_id, product_id, quantity, unit_price FROM orders_orderline WHERE order_id = ? ORDER BY product_id"
    )
    held = (
        "SELECT reservation_id, product_id, quantity, unit_price FROM products_reservationline "
        "WHERE reservation_id = ? ORDER BY product_id"
    )
    for order_id, total in orders.rows("SELECT id, total FROM orders_order WHERE total IS NOT NULL"):
        ordered = orders.rows(lines, order_id)
        if ordered != products.rows(held, order_id):
            yield f"order {UUID(order_id)} has other lines than its reservation"
        if abs(sum(quantity * price for _, _, quantity, price in ordered) - total) > 0.001:
            yield f"order {UUID(order_id)} does not add up"
