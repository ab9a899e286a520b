"""The products service over HTTP: the catalogue for the gateway, reservations for orders alone."""

import hashlib
from typing import Any
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404
from django.utils.http import parse_etags
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.idempotency import REPLAYED, idempotency_key
from common.identity import NamedCallers, StaffOnly, StaffWrites, caller_of
from common.pagination import paginate
from common.rendering import JSONRenderer
from common.serializers import PageQuery

from . import services
from .models import Category, Product, StockMovement
from .reservations import Wanted, release_stock, reserve_stock
from .search import search_products, visible_products
from .serializers import (
    CategoryInput,
    CategoryPage,
    CategorySerializer,
    MovementInput,
    MovementPage,
    MovementSerializer,
    NewProductInput,
    ProductInput,
    ProductPage,
    ProductQuery,
    ProductSerializer,
    ReservationInput,
    ReservationSerializer,
)

# The gateway may keep these, and serve them for a day while this service fails (RFC 5861).
PUBLIC = {"Cache-Control": "public, max-age=1, stale-if-error=86400"}


class CatalogueView(APIView):
    """Everyone reads, staff write."""

    callers = ("gateway",)
    permission_classes: tuple[type[NamedCallers], ...] = (StaffWrites,)

    def handle_exception(self, exc: Exception) -> Response:
        return super().handle_exception(Http404() if isinstance(exc, ObjectDoesNotExist) else exc)


class CategoryListView(CatalogueView):
    @extend_schema(operation_id="categories_list", parameters=[PageQuery], responses=CategoryPage)
    def get(self, request: Request) -> Response:
        query = PageQuery.read(request)
        page = paginate(Category.objects.all(), path=request.path, query=query, ordering="created_at")
        body = {"next": page.next, "previous": page.previous, "results": page.rows}
        return Response(CategoryPage(body).data, headers=PUBLIC)

    @extend_schema(request=CategoryInput, responses={201: CategorySerializer})
    def post(self, request: Request) -> Response:
        data = CategoryInput(data=request.data)
        data.is_valid(raise_exception=True)
        return Response(CategorySerializer(services.create_category(**data.validated_data)).data, status=201)


class CategoryView(CatalogueView):
    @extend_schema(responses=CategorySerializer)
    def get(self, request: Request, slug: str) -> Response:
        return Response(CategorySerializer(Category.objects.get(slug=slug)).data, headers=PUBLIC)

    @extend_schema(request=CategoryInput, responses=CategorySerializer)
    def put(self, request: Request, slug: str) -> Response:
        return self._update(request, slug, partial=False)

    @extend_schema(request=CategoryInput, responses=CategorySerializer)
    def patch(self, request: Request, slug: str) -> Response:
        return self._update(request, slug, partial=True)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str) -> Response:
        services.delete_category(slug=slug)
        return Response(status=204)

    def _update(self, request: Request, slug: str, *, partial: bool) -> Response:
        data = CategoryInput(data=request.data, partial=partial)
        data.is_valid(raise_exception=True)
        return Response(CategorySerializer(services.update_category(slug=slug, changes=data.validated_data)).data)


class ProductListView(CatalogueView):
    @extend_schema(operation_id="products_list", parameters=[ProductQuery], responses=ProductPage)
    def get(self, request: Request) -> Response:
        query = ProductQuery.read(request)
        page = paginate(search_products(query), path=request.path, query=query, ordering=query["ordering"])
        body = {"next": page.next, "previous": page.previous, "results": page.rows}
        return Response(ProductPage(body).data, headers=PUBLIC)

    @extend_schema(request=NewProductInput, responses={201: ProductSerializer})
    def post(self, request: Request) -> Response:
        data = NewProductInput(data=request.data)
        data.is_valid(raise_exception=True)
        product = services.create_product(by=caller_of(request).user_id, **data.validated_data)
        return product_response(product, status=201)


class ProductView(CatalogueView):
    @extend_schema(responses=ProductSerializer)
    def get(self, request: Request, product_id: UUID) -> Response:
        return product_response(visible_products().get(pk=product_id), headers=PUBLIC)

    @extend_schema(request=ProductInput, responses=ProductSerializer)
    def put(self, request: Request, product_id: UUID) -> Response:
        return self._update(request, product_id, partial=False)

    @extend_schema(request=ProductInput, responses=ProductSerializer)
    def patch(self, request: Request, product_id: UUID) -> Response:
        return self._update(request, product_id, partial=True)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, product_id: UUID) -> Response:
        services.hide_product(product_id=product_id, precondition=if_match(request))
        return Response(status=204)

    def _update(self, request: Request, product_id: UUID, *, partial: bool) -> Response:
        data = ProductInput(data=request.data, partial=partial)
        data.is_valid(raise_exception=True)
        product = services.update_product(
            product_id=product_id, changes=data.validated_data, precondition=if_match(request)
        )
        return product_response(product)


class StockView(CatalogueView):
    """The ledger of one product, newest row first."""

    permission_classes = (StaffOnly,)

    @extend_schema(operation_id="stock_list", parameters=[PageQuery], responses=MovementPage)
    def get(self, request: Request, product_id: UUID) -> Response:
        query = PageQuery.read(request)
        visible_products().get(pk=product_id)
        movements = StockMovement.objects.filter(product_id=product_id)
        page = paginate(movements, path=request.path, query=query, ordering="-created_at")
        return Response(MovementPage({"next": page.next, "previous": page.previous, "results": page.rows}).data)

    @extend_schema(request=MovementInput, responses={201: MovementSerializer})
    def post(self, request: Request, product_id: UUID) -> Response:
        data = MovementInput(data=request.data)
        data.is_valid(raise_exception=True)
        movement, replayed = services.move_stock(
            services.Movement(product_id=product_id, by=caller_of(request).user_id, **data.validated_data),
            key=idempotency_key(request),
            precondition=if_match(request),
        )
        return Response(MovementSerializer(movement).data, status=201, headers=REPLAYED if replayed else None)


class ReservationView(APIView):
    """PUT asks for the one verdict on an order, DELETE gives back what it holds; both may be repeated for ever."""

    callers = ("orders",)

    @extend_schema(request=ReservationInput, responses=ReservationSerializer)
    def put(self, request: Request, order_id: UUID) -> Response:
        data = ReservationInput(data=request.data)
        data.is_valid(raise_exception=True)
        wanted = [Wanted(**item) for item in data.validated_data["items"]]
        return Response(ReservationSerializer(reserve_stock(order_id=order_id, wanted=wanted)).data)

    @extend_schema(responses=ReservationSerializer)
    def delete(self, request: Request, order_id: UUID) -> Response:
        return Response(ReservationSerializer(release_stock(order_id=order_id)).data)


def product_response(product: Product, **kwargs: Any) -> Response:
    data = ProductSerializer(product).data
    response = Response(data, **kwargs)
    response["ETag"] = _etag(data)
    return response


def if_match(request: Request) -> services.Precondition:
    """Whether a product is still as the request's `If-Match` (RFC 9110, 13.1.1) knows it."""
    header = request.headers.get("If-Match", "")
    wanted = parse_etags(header)

    def holds(product: Product) -> bool:
        return not header or wanted == ["*"] or _etag(ProductSerializer(product).data) in wanted

    return holds


def _etag(data: Any) -> str:
    """A strong one: of the bytes that are sent, stock included."""
    return f'"{hashlib.sha256(JSONRenderer().render(data)).hexdigest()[:32]}"'
