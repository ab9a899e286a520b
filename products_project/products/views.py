"""The products service over HTTP: the catalogue for the gateway, reservations for the orders service only."""

import hashlib
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, UUIDField
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.http import parse_etags
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.generics import RetrieveUpdateDestroyAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.api.answers import Schema, columns_of, encode, presenter_of, respond, respond_with
from common.api.idempotency import REPLAYED, idempotency_key
from common.api.views import AnsweringView, KeysetListView
from common.identity import StaffOnly, StaffWrites, caller_of
from common.prepared import Parameter, Prepared

from . import services
from .models import Category, Product, StockMovement
from .reservations import Wanted, release_stock, reserve_for_all, reserve_stock
from .search import search_products, visible_products
from .serializers import (
    CategoryInput,
    CategorySerializer,
    MovementInput,
    MovementSerializer,
    NewProductInput,
    ProductInput,
    ProductQuery,
    ProductSerializer,
    ReservationBatchInput,
    ReservationBatchSerializer,
    ReservationInput,
    ReservationSerializer,
)

shown_product = Prepared(
    lambda: visible_products().filter(pk=Parameter("id", UUIDField())).values(*columns_of(ProductSerializer))
)


class CatalogueView(AnsweringView):
    """Every user reads, staff write."""

    callers = ("gateway",)
    permission_classes = (StaffWrites,)


class CategoryListView(CatalogueView, KeysetListView):
    queryset = Category.objects.all()
    serializer_class = CategorySerializer
    ordering = "created_at"

    def get(self, request: Request) -> Response:
        return public(self.list(request))

    @extend_schema(request=CategoryInput, responses={201: CategorySerializer})
    def post(self, request: Request) -> Response:
        data = CategoryInput.read(request.data)
        category = services.create_category(**data)
        return shown(CategorySerializer, category, status=201, Location=f"/categories/{category.slug}/")


@extend_schema_view(put=extend_schema(request=CategoryInput), patch=extend_schema(request=CategoryInput))
class CategoryView(CatalogueView, RetrieveUpdateDestroyAPIView[Category]):
    queryset = Category.objects.all()
    serializer_class = CategorySerializer
    lookup_field = "slug"

    def get(self, request: Request, slug: str) -> Response:
        return public(shown(CategorySerializer, self.get_object()))

    def update(self, request: Request, slug: str, *, partial: bool = False) -> Response:
        data = CategoryInput.read(request.data, partial=partial)
        condition = precondition(request, CategorySerializer)
        category = services.update_category(slug=slug, changes=data, precondition=condition)
        return shown(CategorySerializer, category)

    def destroy(self, request: Request, slug: str) -> Response:
        services.delete_category(slug=slug, precondition=precondition(request, CategorySerializer))
        return Response(status=204)


class ProductListView(CatalogueView, KeysetListView):
    serializer_class = ProductSerializer
    query_serializer_class = ProductQuery
    sort_columns = {"name": "name_key"}

    def get_queryset(self) -> Any:
        return search_products(self.query)

    def get(self, request: Request) -> Response:
        return public(self.list(request))

    @extend_schema(request=NewProductInput, responses={201: ProductSerializer})
    def post(self, request: Request) -> Response:
        data = NewProductInput.read(request.data)
        product = services.create_product(by=caller_of(request).user_id, **data)
        return shown(ProductSerializer, product, status=201, Location=f"/products/{product.pk}/")


@extend_schema_view(put=extend_schema(request=ProductInput), patch=extend_schema(request=ProductInput))
class ProductView(CatalogueView, RetrieveUpdateDestroyAPIView[Product]):
    queryset = visible_products()
    serializer_class = ProductSerializer
    lookup_url_kwarg = "product_id"

    def get(self, request: Request, product_id: UUID) -> Response:
        if product := shown_product.first(id=product_id):
            return public(shown(ProductSerializer, product))
        raise Http404

    def update(self, request: Request, product_id: UUID, *, partial: bool = False) -> Response:
        data = ProductInput.read(request.data, partial=partial)
        condition = precondition(request, ProductSerializer)
        product = services.update_product(product_id=product_id, changes=data, precondition=condition)
        return shown(ProductSerializer, product)

    def destroy(self, request: Request, product_id: UUID) -> Response:
        services.hide_product(product_id=product_id, precondition=precondition(request, ProductSerializer))
        return Response(status=204)


@extend_schema_view(get=extend_schema(operation_id="stock_list"))
class StockView(KeysetListView):
    """The ledger of one product, newest row first."""

    callers = ("gateway",)
    permission_classes = (StaffOnly,)
    serializer_class = MovementSerializer
    ordering = "-created_at"

    def get_queryset(self) -> QuerySet[StockMovement]:
        product = get_object_or_404(visible_products(), pk=self.kwargs["product_id"])
        return StockMovement.objects.filter(product=product)

    @extend_schema(request=MovementInput, responses={201: MovementSerializer})
    def post(self, request: Request, product_id: UUID) -> Response:
        data = MovementInput.read(request.data)
        movement, replayed = services.move_stock(
            services.Movement(product_id=product_id, by=caller_of(request).user_id, **data),
            key=idempotency_key(request),
            precondition=precondition(request, ProductSerializer),
        )
        return respond_with(MovementSerializer, movement, status=201, headers=REPLAYED if replayed else None)


class ReservationView(APIView):
    """PUT asks for the verdict on an order. DELETE releases its stock. Both may be repeated any number of times."""

    callers = ("orders",)

    @extend_schema(request=ReservationInput, responses=ReservationSerializer)
    def put(self, request: Request, order_id: UUID) -> Response:
        data = ReservationInput.read(request.data)
        wanted = [Wanted(**item) for item in data["items"]]
        return respond_with(ReservationSerializer, reserve_stock(order_id=order_id, wanted=wanted))

    @extend_schema(responses=ReservationSerializer)
    def delete(self, request: Request, order_id: UUID) -> Response:
        return respond_with(ReservationSerializer, release_stock(order_id=order_id))


class ReservationBatchView(APIView):
    """POST asks for the verdicts on several orders, as PUT does for one. It may be repeated too."""

    callers = ("orders",)

    @extend_schema(request=ReservationBatchInput, responses=ReservationBatchSerializer)
    def post(self, request: Request) -> Response:
        data = ReservationBatchInput.read(request.data)
        orders = {order["order_id"]: [Wanted(**item) for item in order["items"]] for order in data["orders"]}
        return respond_with(ReservationBatchSerializer, {"results": reserve_for_all(orders)})


def public(response: Response) -> Response:
    """The gateway may keep this answer, and serve it for a day while this service fails (RFC 5861)."""
    response["Cache-Control"] = "public, max-age=1, stale-if-error=86400"
    return response


def shown(schema: Schema, row: Any, status: int = 200, **headers: str) -> Response:
    """One thing, with a strong ETag of the bytes that are sent. A product's changes with its stock too."""
    body = encode(presenter_of(schema)(row))
    return respond(body, status=status, headers={"ETag": _etag(body), **headers})


def precondition(request: Request, schema: Schema) -> services.Precondition:
    """A check that a thing is in the version that `If-Match` and `If-None-Match` ask for (RFC 9110, 13.1)."""
    wanted, unwanted = (request.headers.get(name, "") for name in ("If-Match", "If-None-Match"))

    def holds(row: Any) -> bool:
        if not wanted and not unwanted:
            return True
        etag = _etag(encode(presenter_of(schema)(row)))
        return (not wanted or _names(wanted, etag)) and not _names(unwanted, etag, f"W/{etag}")

    return holds


def _names(header: str, *etags: str) -> bool:
    tags = parse_etags(header)
    return tags == ["*"] or not set(tags).isdisjoint(etags)


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'
