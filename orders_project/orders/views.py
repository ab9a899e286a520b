"""The orders service over HTTP, for the gateway. Another user's order does not exist."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.errors import Conflict
from common.idempotency import REPLAYED, fingerprint, idempotency_key
from common.identity import caller_of
from common.pagination import paginate
from common.upstream import deadline_of

from . import services
from .models import Order, Status
from .outbox import deliver
from .products_client import products_client
from .serializers import OrderChange, OrderInput, OrderPage, OrderQuery, OrderSerializer


class OrderRejected(Conflict):
    """The order exists, and products refused it; `slug` is products' reason."""

    title = _("Order rejected")

    def __init__(self, order: Order) -> None:
        refusal = order.refusal or {}
        self.slug = order.reason or "rejected"
        super().__init__(refusal.get("detail"), items=refusal.get("items", []), order_id=str(order.pk))


class OrderListView(APIView):
    callers = ("gateway",)

    @extend_schema(operation_id="orders_list", parameters=[OrderQuery], responses=OrderPage)
    def get(self, request: Request) -> Response:
        query = OrderQuery.read(request)
        lookups = {
            "status": "status",
            "created_after": "created_at__gt",
            "created_before": "created_at__lt",
            "user_id": "user_id",
        }
        orders = _orders(request).filter(**{lookups[name]: query[name] for name in lookups if name in query})
        page = paginate(orders, path=request.path, query=query, ordering="-created_at")
        return Response(OrderPage({"next": page.next, "previous": page.previous, "results": page.rows}).data)

    @extend_schema(request=OrderInput, responses={201: OrderSerializer, 202: OrderSerializer})
    def post(self, request: Request) -> Response:
        data = OrderInput(data=request.data)
        data.is_valid(raise_exception=True)
        placement = _placement(request, data.validated_data)
        try:
            order, replayed = services.place_order(placement)
        except Order.DoesNotExist as error:
            raise Http404 from error
        if order.status == Status.PENDING:
            deliver(order.pk, products_client(), deadline_of(request))
        return _placed(_visible(request, order.pk), replayed=replayed)


class OrderView(APIView):
    callers = ("gateway",)

    @extend_schema(responses=OrderSerializer)
    def get(self, request: Request, order_id: UUID) -> Response:
        return Response(OrderSerializer(_visible(request, order_id)).data)

    @extend_schema(request=OrderChange, responses=OrderSerializer)
    def patch(self, request: Request, order_id: UUID) -> Response:
        _visible(request, order_id)
        data = OrderChange(data=request.data)
        data.is_valid(raise_exception=True)
        caller = caller_of(request)
        if "status" in data.validated_data and not caller.is_staff:
            raise PermissionDenied("Only staff move an order on.")
        services.update_order(order_id=order_id, by=caller.user_id, changes=data.validated_data)
        return Response(OrderSerializer(_visible(request, order_id)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, order_id: UUID) -> Response:
        services.hide_order(order_id=_visible(request, order_id).pk)
        return Response(status=204)


class CancelView(APIView):
    callers = ("gateway",)

    @extend_schema(request=None, responses=OrderSerializer)
    def post(self, request: Request, order_id: UUID) -> Response:
        _visible(request, order_id)
        services.cancel_order(order_id=order_id, by=caller_of(request).user_id)
        deliver(order_id, products_client(), deadline_of(request))
        return Response(OrderSerializer(_visible(request, order_id)).data)


def _orders(request: Request) -> QuerySet[Order]:
    caller = caller_of(request)
    if caller.user_id is None and not caller.is_staff:  # for `visible_orders`, no user is all users
        raise PermissionDenied("An order is somebody's.")
    return services.visible_orders(user_id=None if caller.is_staff else caller.user_id)


def _visible(request: Request, order_id: UUID) -> Order:
    order = _orders(request).filter(pk=order_id).first()
    if order is None:
        raise Http404
    return order


def _placement(request: Request, values: dict[str, Any]) -> services.Placement:
    user_id = caller_of(request).user_id
    if user_id is None:
        raise PermissionDenied("An order is somebody's.")
    return services.Placement(
        user_id=user_id,
        lines=tuple((item["product_id"], item["quantity"]) for item in values["items"]),
        note=values["note"],
        shipping_address=values["shipping_address"],
        key=idempotency_key(request),
        fingerprint=fingerprint(values),
    )


def _placed(order: Order, *, replayed: bool) -> Response:
    """201 for an order that products took, 202 for one it has not answered yet.

    Raises:
        OrderRejected
    """
    headers = {"Location": f"/orders/{order.pk}/", **(REPLAYED if replayed else {})}
    if order.status == Status.REJECTED:
        rejected = OrderRejected(order)
        rejected.headers = headers
        raise rejected
    status = 202 if order.status == Status.PENDING else 201
    return Response(OrderSerializer(order).data, status=status, headers=headers)
