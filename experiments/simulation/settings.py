"""The settings of the orders and of the products project, in one process.

Django is set up once, with the apps of both. `OF_PROJECT` are the values of each: the simulated process that runs
has those of its project.
"""

from typing import Any

from orders_project import settings as orders
from products_project import settings as products

SHARED = ("DATABASES", "INSTALLED_APPS", "LOGGING")
OF_PROJECT: dict[str, dict[str, Any]] = {
    project: {name: value for name, value in vars(module).items() if name.isupper() and name not in SHARED}
    for project, module in (("orders", orders), ("products", products))
}
FAST = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"  # no loss of power is simulated
DATABASE_OF: dict[str, dict[str, Any]] = {
    project: default | {"OPTIONS": default["OPTIONS"] | {"init_command": FAST}}
    for project, default in (("orders", orders.DATABASES["default"]), ("products", products.DATABASES["default"]))
}

globals().update(OF_PROJECT["orders"])
INSTALLED_APPS = list(dict.fromkeys([*orders.INSTALLED_APPS, *products.INSTALLED_APPS]))
DATABASES = {"default": DATABASE_OF["orders"]}
LOGGING_CONFIG = None
