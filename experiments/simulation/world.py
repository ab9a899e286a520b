"""One run: an empty shop, some hours of business in bad weather, rest, and the questions that are asked then."""

import gc
import logging
import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from . import clock
from .choices import Choices
from .replacing import replace
from .scheduler import SCHEDULER, Lock

PRODUCTS = [str(UUID(int=(7 << 76) | (2 << 62) | (1 << 32) | number)) for number in (1, 2, 3)]
PROJECTS = ("orders", "products")
CATEGORY = UUID(int=(7 << 76) | (2 << 62) | (1 << 33)).hex
MOMENT = "2026-01-01 00:00:00"
RUNS_BETWEEN_COLLECTIONS = 20
STARTS_S = (0.0, 0.0, 0.02, 0.1, 0.3, 1.0, 3.0, 7.0)  # of what happens in the shop
CALM_S = (2.0, 8.0, 25.0)  # when the faults end
SETTLED_WITHIN_S = 660.0  # a pause of the relay, a claim, and some more


@dataclass
class Outcome:
    """`failures` say what is wrong at the end; none is a good run. `made` are its decisions."""

    seed: int
    made: list[int]
    trace: list[str]
    steps: int
    failures: list[str]
    faults: "Counter[str]" = field(default_factory=Counter)
    statuses: "Counter[str]" = field(default_factory=Counter)


class World:
    """Made once a process; each run begins with empty tables."""

    def __init__(self) -> None:
        clock.install()
        configs = _set_up()
        from . import databases, http, processes  # they need Django's settings

        self.connections = databases.install(configs)
        self.applications = http.Applications()
        self._migrate()
        self.files = {project: databases.File(config["NAME"]) for project, config in configs.items()}
        replace("orders_project.orders.views.products_client", processes.client_of_the_running_process)
        gc.freeze()
        gc.disable()
        self._runs = 0

    def _migrate(self) -> None:
        from django.core.management import call_command

        for project in PROJECTS:
            self.applications.enter(project)
            self.connections.enter(project)
            call_command("migrate", project, verbosity=0)

    def run(self, seed: int, tape: Sequence[int] | None = None) -> Outcome:
        """`tape` repeats the decisions of an earlier run with this seed, or some of them."""
        from .scene import Scene  # needs Django's settings

        self._begin(seed, tape)
        scene = Scene(self.applications, self.files)
        scene.play()
        return Outcome(
            seed,
            SCHEDULER.choices.made,
            SCHEDULER.trace,
            SCHEDULER.steps,
            SCHEDULER.failures,
            scene.faults,
            scene.statuses,
        )

    def _begin(self, seed: int, tape: Sequence[int] | None) -> None:
        """Nothing of the run before is left, so that a seed is the same run wherever it is run."""
        import common.identity
        import common.storage

        self._runs += 1
        if self._runs % RUNS_BETWEEN_COLLECTIONS == 0:
            gc.collect()
        SCHEDULER.begin(Choices(seed, tape))
        clock.IDS.count = 0
        random.seed(seed)
        common.identity._verified._entries.clear()
        common.storage.watch.__init__()  # type: ignore[misc]
        for file in self.files.values():
            file.empty()
        stocks = [SCHEDULER.choices.one_of((4, 2, 8, 1, 0)) for _ in PRODUCTS]
        self.files["products"].add("products_category", [_category()])
        self.files["products"].add("products_product", [_product(*each) for each in enumerate(stocks)])
        self.files["products"].add(
            "products_stockmovement", [_movement(*each) for each in enumerate(stocks) if each[1]]
        )


def _set_up() -> dict[str, Any]:
    """Django with the apps of both projects. Returns the configuration of their databases."""
    _keep(directory := tempfile.TemporaryDirectory(prefix="plaza-simulation-"))
    os.environ["PLAZA_DATA_DIR"] = directory.name
    os.environ["DJANGO_SETTINGS_MODULE"] = "experiments.simulation.settings"
    clock.install_in_django()
    import django
    from django.db import connections

    from .databases import OfConnection
    from .settings import DATABASE_OF

    replace("common.prepared.threading", SimpleNamespace(local=OfConnection))
    replace("common.resilience.bulkhead.threading", SimpleNamespace(Lock=Lock))

    _be_silent()
    django.setup()
    return {
        project: connections.configure_settings({"default": config})["default"]
        for project, config in DATABASE_OF.items()
    }


_KEPT: list[Any] = []
_keep: Callable[[Any], None] = _KEPT.append


def _be_silent() -> None:
    """Logs would take most of the time. An error that is logged is a failure."""
    import structlog

    logging.disable(logging.WARNING)
    logging.getLogger().addHandler(Errors())
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR), cache_logger_on_first_use=True
    )


class Errors(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if not record.exc_info and getattr(record, "status_code", 0) == 503:
            return  # a database that was locked for too long
        SCHEDULER.fail(f"logged: {logging.Formatter().format(record)}")


def _category() -> dict[str, Any]:
    return {"id": CATEGORY, "slug": "things", "name": "Things", "description": "", "created_at": MOMENT}


def _product(number: int, stock: int) -> dict[str, Any]:
    return {
        "id": UUID(PRODUCTS[number]).hex,
        "sku": f"SKU-{number}",
        "name": f"Thing {number}",
        "description": "",
        "price": "3.50",
        "currency": "EUR",
        "stock": stock,
        "category_id": CATEGORY,
        "created_at": MOMENT,
        "updated_at": MOMENT,
    }


def _movement(number: int, stock: int) -> dict[str, Any]:
    product = UUID(PRODUCTS[number]).hex
    return {"id": product, "product_id": product, "delta": stock, "reason": "initial stock", "created_at": MOMENT}
