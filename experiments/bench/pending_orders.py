"""Places orders that nobody asks products for: what an outage leaves. Reads product ids from stdin, one a line.

PLAZA_DATA_DIR=… python -m experiments.bench.pending_orders NUMBER USER_ID
"""

import os
import random
import sys
from collections.abc import Iterator, Sequence
from uuid import UUID

AT_ONCE = 500  # orders by one commit, to be done sooner
SIZES = (1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 6, 10)  # lines; each hundredth order has LARGE ones
LARGE = 40


def main(number: int, user_id: UUID, product_ids: Sequence[UUID]) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "orders_project.settings"
    import django  # the settings' variables are this process's own

    django.setup()
    from django.db import transaction

    from orders_project.orders.outbox import free
    from orders_project.orders.services import Placement, place_order

    baskets = _baskets(number, product_ids)
    for start in range(0, number, AT_ONCE):
        with transaction.atomic():
            some = [place_order(Placement(user_id, next(baskets))) for _ in range(start, min(start + AT_ONCE, number))]
            free(order.pk for order, _ in some)


def _baskets(number: int, product_ids: Sequence[UUID]) -> Iterator[dict[UUID, int]]:
    rng = random.Random(1)
    for place in range(number):
        size = LARGE if place % 100 == 99 else rng.choice(SIZES)
        yield {product_id: rng.randint(1, 3) for product_id in rng.sample(product_ids, size)}


if __name__ == "__main__":
    main(int(sys.argv[1]), UUID(sys.argv[2]), [UUID(line.strip()) for line in sys.stdin])
