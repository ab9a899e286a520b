"""The orders service over HTTP, for the gateway. To a user, other users' orders don't exist."""

from collections.abc import Mapping
from itertools import accumulate
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import RetrieveDestroyAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.answers import respond_with
from common.api.errors import Conflict
from common.api.idempotency import REPLAYED, fingerprint, idempotency_key
from common.api.pagination import DEFAULT_PAGE_SIZE, KeysetPagination
from common.api.views import AnsweringView, KeysetListView
from common.identity import caller_of
from common.upstream import deadline_of

from . import services
from .loading import load, load_all
from .models import Order, Status
from .outbox import deliver
from .products_client import products_client
from .serializers import MAX_LINES, OrderChange, OrderInput, OrderQuery, OrderSerializer

MAX_LINES_ON_PAGE = DEFAULT_PAGE_SIZE * MAX_LINES


# How each reason of products is worded: title and detail.
REFUSALS: Mapping[str, tuple[Any, Any]] = {
    "insufficient-stock": (
        _("Insufficient stock"),
        _("There is not enough in stock. Order less, or wait until there is more."),
    ),
    "unknown-product": (_("Unknown product"), _("There is no such product. Order again without it.")),
    "mixed-currency": (
        _("Mixed currencies"),
        _("The products have prices in different currencies. Place one order for each currency."),
    ),
    "released": (_("Order released"), _("The order was cancelled before anything was reserved. Place a new one.")),
}


class OrderRejected(Conflict):
    """Products refused the order. The order exists all the same; `slug` is products' reason."""

    def __init__(self, order: Order) -> None:
        refusal = order.refusal or {}
        self.slug = order.reason or "conflict"
        self.title, detail = REFUSALS.get(self.slug, (Conflict.title, refusal.get("detail")))
        super().__init__(detail, items=refusal.get("items", []), order_id=str(order.pk))


class OrdersView(AnsweringView):
    callers = ("gateway",)
    serializer_class = OrderSerializer

    @property
    def owner(self) -> UUID | None:
        """The user whose orders the caller may see; None for all."""
        caller = caller_of(self.request)
        if caller.user_id is None and not caller.is_staff:
            raise PermissionDenied(_("An order is somebody's. Ask on behalf of a user."))
        return None if caller.is_staff else caller.user_id

    def get_queryset(self) -> QuerySet[Order]:
        return services.visible_orders(user_id=self.owner)

    def find_order(self) -> Order:
        return services.find_order(self.kwargs["order_id"], user_id=self.owner)

    def get_object(self) -> Order:
        return load(self.find_order())


class OrderPagination(KeysetPagination):
    """A page of large orders ends early, so that no page costs much more than one of the default size can."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        return load_all(super().paginate_queryset(queryset, request, view))

    def fit(self, rows: list[Order]) -> int:
        if len(rows) * MAX_LINES <= MAX_LINES_ON_PAGE:
            return len(rows)
        counts = services.line_counts(rows)
        sums = accumulate(counts.get(order.pk, 0) for order in rows)
        return max(1, sum(lines <= MAX_LINES_ON_PAGE for lines in sums))


class OrderListView(OrdersView, KeysetListView):
    pagination_class = OrderPagination
    query_serializer_class = OrderQuery
    ordering = "-created_at"

    def get_queryset(self) -> Any:
        return services.list_orders(self.query, user_id=self.owner)

    @extend_schema(request=OrderInput, responses={201: OrderSerializer, 202: OrderSerializer})
    def post(self, request: Request) -> Response:
        data = OrderInput.read(request.data)
        order, replayed = services.place_order(_placement(request, data))
        if order.status == Status.PENDING:
            order = deliver(order, products_client(), deadline_of(request))
        return _placed(order, replayed=replayed)


class OrderView(OrdersView, RetrieveDestroyAPIView[Order]):
    lookup_url_kwarg = "order_id"

    @extend_schema(request=OrderChange, responses=OrderSerializer)
    def patch(self, request: Request, order_id: UUID) -> Response:
        self.find_order()
        data = OrderChange.read(request.data)
        caller = caller_of(request)
        if "status" in data and not caller.is_staff:
            raise PermissionDenied(_("Only staff move an order on. To stop it, cancel it."))
        services.update_order(order_id=order_id, by=caller.user_id, changes=data)
        return self.retrieve(request)

    def perform_destroy(self, instance: Order) -> None:
        services.hide_order(order_id=instance.pk)


class CancelView(OrdersView):
    lookup_url_kwarg = "order_id"

    @extend_schema(request=None, responses=OrderSerializer)
    def post(self, request: Request, order_id: UUID) -> Response:
        self.find_order()
        services.cancel_order(order_id=order_id, by=caller_of(request).user_id)
        order = deliver(self.get_object(), products_client(), deadline_of(request))
        return respond_with(OrderSerializer, order)


def _placement(request: Request, values: dict[str, Any]) -> services.Placement:
    user_id = caller_of(request).user_id
    if user_id is None:
        raise PermissionDenied(_("An order is somebody's. Ask on behalf of a user."))
    return services.Placement(
        user_id=user_id,
        lines={item["product_id"]: item["quantity"] for item in values["items"]},
        note=values["note"],
        shipping_address=values["shipping_address"],
        key=idempotency_key(request),
        fingerprint=fingerprint({**values, "items": sorted(values["items"], key=_by_product)}),
    )


def _by_product(item: dict[str, Any]) -> UUID:
    product_id: UUID = item["product_id"]
    return product_id


def _placed(order: Order, *, replayed: bool) -> Response:
    """201 for an order whose stock products holds, 202 for one that products hasn't answered yet.

    Raises:
        OrderRejected
    """
    headers = {"Location": f"/orders/{order.pk}/", **(REPLAYED if replayed else {})}
    if order.status == Status.REJECTED:
        rejected = OrderRejected(order)
        rejected.headers = headers
        raise rejected
    status = 202 if order.status == Status.PENDING else 201
    return respond_with(OrderSerializer, order, status=status, headers=headers)
