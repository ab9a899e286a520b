"""What an audit compares, for the operator alone: hidden products and released reservations included."""

from typing import Any
from uuid import UUID

from django.db.models import F, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.pagination import paginate
from common.serializers import PageQuery, PageSerializer

from .models import Product, Reservation, ReservationLine, StockMovement


class StockRow(serializers.Serializer[Any]):
    """At rest `stock` is `moved` (the ledger's sum) less `held` (the sum of what unreleased reservations took)."""

    product_id = serializers.UUIDField(source="pk")
    sku = serializers.CharField()
    stock = serializers.IntegerField()
    moved = serializers.IntegerField()
    held = serializers.IntegerField()


class HeldRow(serializers.ModelSerializer[ReservationLine]):
    product_id = serializers.UUIDField()

    class Meta:
        model = ReservationLine
        fields = ("product_id", "quantity")


class ReservationRow(serializers.ModelSerializer[Reservation]):
    items = HeldRow(many=True, source="lines")

    class Meta:
        model = Reservation
        fields = ("order_id", "state", "items")


class StockPage(PageSerializer):
    results = StockRow(many=True)


class ReservationPage(PageSerializer):
    results = ReservationRow(many=True)


def stock_rows() -> QuerySet[Product]:
    """Every product with its three numbers, read by one statement and so at one moment."""
    moved = StockMovement.objects.filter(product=OuterRef("pk")).order_by().values("product")
    held = ReservationLine.objects.filter(Q(reservation__state=Reservation.State.HELD), product=OuterRef("pk")).values(
        "product"
    )
    return Product.objects.annotate(
        moved=Coalesce(Subquery(moved.values(n=Sum("delta"))), 0, output_field=IntegerField()),
        held=Coalesce(Subquery(held.values(n=Sum(F("quantity")))), 0, output_field=IntegerField()),
    )


def reservation_rows() -> QuerySet[Reservation]:
    return Reservation.objects.prefetch_related("lines")


class StockAuditView(APIView):
    callers = ("operator",)

    @extend_schema(operation_id="audit_stock_list", parameters=[PageQuery], responses=StockPage)
    def get(self, request: Request) -> Response:
        page = paginate(stock_rows(), path=request.path, query=PageQuery.read(request), ordering="pk")
        return Response(StockPage({"next": page.next, "previous": page.previous, "results": page.rows}).data)


class ProductAuditView(APIView):
    callers = ("operator",)

    @extend_schema(responses=StockRow)
    def get(self, request: Request, product_id: UUID) -> Response:
        return Response(StockRow(get_object_or_404(stock_rows(), pk=product_id)).data)


class ReservationsAuditView(APIView):
    callers = ("operator",)

    @extend_schema(operation_id="audit_reservations_list", parameters=[PageQuery], responses=ReservationPage)
    def get(self, request: Request) -> Response:
        page = paginate(reservation_rows(), path=request.path, query=PageQuery.read(request), ordering="pk")
        return Response(ReservationPage({"next": page.next, "previous": page.previous, "results": page.rows}).data)


class ReservationAuditView(APIView):
    callers = ("operator",)

    @extend_schema(responses=ReservationRow)
    def get(self, request: Request, order_id: UUID) -> Response:
        return Response(ReservationRow(get_object_or_404(reservation_rows(), pk=order_id)).data)
