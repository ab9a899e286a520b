"""What an audit compares, for the operator alone: hidden orders included."""

from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.pagination import paginate
from common.serializers import PageQuery, PageSerializer

from .models import Order, OrderLine


class LineRow(serializers.ModelSerializer[OrderLine]):
    class Meta:
        model = OrderLine
        fields = ("product_id", "quantity")


class OrderRow(serializers.ModelSerializer[Order]):
    """`wants` is empty when nothing is left to do at products; a parked order waits for `manage.py retry_parked`."""

    items = LineRow(many=True, source="lines")
    parked = serializers.SerializerMethodField()

    class Meta:
        model = Order
        fields = ("id", "status", "wants", "parked", "last_error", "items")

    def get_parked(self, order: Order) -> bool:
        return order.parked_at is not None


class OrderRowPage(PageSerializer):
    results = OrderRow(many=True)


def order_rows() -> QuerySet[Order]:
    return Order.objects.prefetch_related("lines")


class OrdersAuditView(APIView):
    callers = ("operator",)

    @extend_schema(operation_id="audit_orders_list", parameters=[PageQuery], responses=OrderRowPage)
    def get(self, request: Request) -> Response:
        page = paginate(order_rows(), path=request.path, query=PageQuery.read(request), ordering="pk")
        return Response(OrderRowPage({"next": page.next, "previous": page.previous, "results": page.rows}).data)


class OrderAuditView(APIView):
    callers = ("operator",)

    @extend_schema(responses=OrderRow)
    def get(self, request: Request, order_id: UUID) -> Response:
        return Response(OrderRow(get_object_or_404(order_rows(), pk=order_id)).data)
