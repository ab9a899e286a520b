"""The relay's work: to settle what a crash or an outage left undone, and to delete expired keys."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar
from uuid import UUID

import structlog
from django.db import Error, close_old_connections
from prometheus_client import Counter, Gauge, Histogram

from common.database_faults import fault_of
from common.observability.tracing import begin_trace, work_span
from common.upstream import NotCalled, UpstreamError

from .models import Order, Wants
from .outbox import ask, ask_together, claim_due, free, postpone, settle_all
from .products_client import MAX_TOGETHER, ProductsClient, Verdict
from .services import purge_idempotency_keys

BATCH = 40
SMALL = 10  # lines of an order
THREADS = 8
TRY_AGAIN_S = 1.0  # while products or the database is out
TELL_EVERY_S = 60.0
PURGE_EVERY_S = 3600.0

RELAYED = Counter(
    "plaza_relay_orders_total", "Orders that a relay has asked products for, by the outcome.", ["outcome"]
)
RELAY_BATCH_SECONDS = Histogram(
    "plaza_relay_batch_seconds",
    "Time of a batch that had orders in it.",
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 20),
)
RELAY_STEP = Gauge("plaza_relay_last_step_timestamp_seconds", "When the relay has last looked for work, or tried to.")
RELAY_TROUBLE = Gauge("plaza_relay_trouble", "1 while this lasts.", ["what"])

Answer = Verdict | Exception
Failure = tuple[Order, Exception]
A = TypeVar("A")
B = TypeVar("B")

log = structlog.get_logger(__name__)


class Map(Protocol):
    def __call__(self, function: Callable[[A], B], items: Iterable[A], /) -> Iterable[B]: ...


class Relay:
    """Questions to products are asked through `in_threads`, which is a pool's `map`.

    All else happens in the relay's own thread: a batch is claimed by one transaction and settled by another.
    """

    def __init__(
        self,
        products: ProductsClient,
        in_threads: Map,
        stop: threading.Event,
        *,
        batch: int,
        interval_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._products = products
        self._in_threads = in_threads
        self._stop = stop
        self._batch = batch
        self._interval_s = interval_s
        self._clock = clock
        self._is_in_doubt = False  # whether products can be asked
        self._outage = Trouble("products is out", clock)
        self._database = Trouble("the database fails", clock)
        self._purge_at = clock()

    def run(self) -> None:
        """Work until `stop` is set. Calls that are in flight then are finished."""
        while not self._stop.is_set():
            RELAY_STEP.set_to_current_time()
            try:
                pause_s = self.step()
                self._database.end()
            except (Error, OSError) as error:
                close_old_connections()
                self._database.report(partial(dict, error=str(error)))
                pause_s = TRY_AGAIN_S
            self._stop.wait(pause_s)

    def run_once(self) -> None:
        """Settle what is due now. Raises as `step`."""
        while not self.step():
            pass

    def step(self) -> float:
        """Settle one batch, and return how many seconds to wait before the next.

        Raises:
            Error, OSError: the database fails.
        """
        self._purge_keys()
        if self._is_in_doubt and not self._products.is_available():
            self._outage.report(_count_waiting)
            return TRY_AGAIN_S
        self._is_in_doubt = False
        self._outage.end()
        orders = claim_due(self._batch)
        if not orders:
            return self._interval_s
        with RELAY_BATCH_SECONDS.time():
            self._work_on(orders)
        return 0

    def _work_on(self, orders: Sequence[Order]) -> None:
        answers = self._ask_for(orders)
        failures = [(order, answer) for order, answer in answers if isinstance(answer, Exception)]
        failures += _settle([(order, answer) for order, answer in answers if isinstance(answer, Verdict)])
        RELAYED.labels("settled").inc(len(orders) - len(failures))
        self._leave_for_later(failures)

    def _purge_keys(self) -> None:
        if self._clock() >= self._purge_at:
            self._purge_at = self._clock() + PURGE_EVERY_S
            purge_idempotency_keys()

    def _ask_for(self, orders: Sequence[Order]) -> list[tuple[Order, Answer]]:
        """Many by one call. Those that got no verdict are then asked for alone, so that one can't spoil the others'."""
        answers: dict[UUID, Answer] = {}
        for some in self._in_threads(self._ask_together, _groups(orders)):
            answers |= some
        alone = [order for order in orders if order.pk not in answers]
        answers |= zip((order.pk for order in alone), self._in_threads(self._ask_alone, alone), strict=True)
        return [(order, answers[order.pk]) for order in orders]

    def _ask_together(self, orders: Sequence[Order]) -> dict[UUID, Answer]:
        """An order without an answer is to be asked for alone."""
        answer = self._answer(lambda: ask_together(orders, self._products))
        if not isinstance(answer, Exception):
            return {**answer}
        if not isinstance(answer, NotCalled) and self._products.is_ready():
            return {}
        return dict.fromkeys((order.pk for order in orders), answer)

    def _ask_alone(self, order: Order) -> Answer:
        return self._answer(lambda: ask(order, self._products))

    def _answer(self, question: Callable[[], B]) -> B | Exception:
        """Runs in a thread of the pool."""
        if self._stop.is_set():
            return NotCalled("products", "the relay is ending")
        with work_span("deliver orders"):
            begin_trace()
            try:
                return question()
            except Exception as error:  # one order must not end the relay, since it would be the first again
                if not isinstance(error, UpstreamError):
                    log.exception("products can't be asked")
                return error

    def _leave_for_later(self, failures: Sequence[Failure]) -> None:
        """A failed call says something about its order only if products is ready."""
        not_asked = [order for order, error in failures if isinstance(error, NotCalled)]
        failed = [(order, error) for order, error in failures if not isinstance(error, NotCalled)]
        if failed and self._products.is_ready():
            RELAYED.labels("no verdict").inc(len(failed))
            postpone(failed)
            _log_failures(failed)
            failed = []
        if undecided := not_asked + [order for order, _ in failed]:
            self._is_in_doubt = True
            RELAYED.labels("not asked").inc(len(undecided))
            free(order.pk for order in undecided)


class Trouble:
    """A lasting condition. The log says when it begins, once a minute that it lasts, and when it is over."""

    def __init__(self, what: str, clock: Callable[[], float]) -> None:
        self._what = what
        self._clock = clock
        self._lasts = RELAY_TROUBLE.labels(what)
        self._lasts.set(0)
        self._began_at: float | None = None
        self._told_at = 0.0

    def report(self, details: Callable[[], dict[str, Any]]) -> None:
        """`details` is called only for a line in the log."""
        now = self._clock()
        self._lasts.set(1)
        if self._began_at is None:
            self._began_at = now
        elif now < self._told_at + TELL_EVERY_S:
            return
        self._told_at = now
        log.warning(self._what, seconds=round(now - self._began_at), **details())

    def end(self) -> None:
        if self._began_at is not None:
            log.info(f"{self._what} no longer", seconds=round(self._clock() - self._began_at))
            self._began_at = None
            self._lasts.set(0)


def _groups(orders: Iterable[Order]) -> list[list[Order]]:
    """What can be asked for together: orders that want to be held, without the large ones."""
    small = [order for order in orders if order.wants == Wants.HELD and len(order.loaded_lines) <= SMALL]
    groups = [small[start : start + MAX_TOGETHER] for start in range(0, len(small), MAX_TOGETHER)]
    return [group for group in groups if len(group) > 1]


def _settle(verdicts: Sequence[tuple[Order, Verdict]]) -> list[Failure]:
    """All by one commit or, if one of them spoils it, one by one. What can't be settled is returned.

    Raises:
        Error: the database fails.
    """
    try:
        settle_all(verdicts)
    except Exception as error:
        if isinstance(error, Error) and fault_of(error):
            raise
        if len(verdicts) > 1:
            return [failure for verdict in verdicts for failure in _settle([verdict])]
        ((order, _),) = verdicts
        log.exception("an order can't be settled", order_id=str(order.pk))
        return [(order, error)]
    return []


def _count_waiting() -> dict[str, int]:
    return {"orders_waiting": Order.objects.exclude(wants=Wants.NOTHING).count()}


def _log_failures(failures: Sequence[Failure]) -> None:
    """One line for each reason, however many orders have it."""
    by_reason = defaultdict(list)
    for order, error in failures:
        by_reason[str(error)].append(str(order.pk))
    for reason, ids in by_reason.items():
        log.warning("no verdict, so these orders are tried again later", error=reason, order_ids=ids)
