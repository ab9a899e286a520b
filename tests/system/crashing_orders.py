"""The orders service, killing itself (-9) at the point that CRASH_AT names: `python crashing_orders.py PORT`.

It serves the real project. Only the function at that point is wrapped, in this process.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[2])
os.environ["DJANGO_SETTINGS_MODULE"] = "orders_project.settings"


def die(*args: Any, **kwargs: Any) -> None:
    os.killpg(os.getpgrp(), signal.SIGKILL)  # the whole service, with gunicorn's master


def before(owner: Any, name: str) -> None:
    setattr(owner, name, die)


def after(owner: Any, name: str) -> None:
    step = getattr(owner, name)

    def step_and_die(*args: Any, **kwargs: Any) -> None:
        step(*args, **kwargs)
        die()

    setattr(owner, name, step_and_die)


def main(port: str, crash_at: str) -> None:
    import django
    from django.core.management import call_command

    django.setup()
    from orders_project.orders import outbox, services, views
    from orders_project.orders.models import Order, OrderEvent
    from orders_project.orders.products_client import ProductsClient

    points: dict[str, Callable[[], None]] = {
        "placing, before the commit": lambda: after(Order, "save"),
        "placing, after the commit": lambda: after(services, "place_order"),
        "placing, before the call": lambda: before(ProductsClient, "reserve"),
        "placing, after the call": lambda: after(ProductsClient, "reserve"),
        "confirming, before the commit": lambda: before(outbox, "store_prices"),
        "confirming, after the commit": lambda: after(outbox, "settle"),
        "cancelling, before the commit": lambda: after(OrderEvent.objects, "create"),
        "cancelling, after the commit": lambda: after(services, "cancel_order"),
        "cancelling, before the call": lambda: before(ProductsClient, "release"),
        "cancelling, after the call": lambda: after(ProductsClient, "release"),
        "cancelling, after the answer is kept": lambda: after(views, "deliver"),
        "": lambda: None,
    }
    points[crash_at]()
    call_command("serve", port=int(port))


if __name__ == "__main__":
    main(sys.argv[1], os.environ.get("CRASH_AT", ""))
