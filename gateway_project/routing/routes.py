"""THE table: every public path that a service answers, who may call it, what enters, what leaves.

Paths are the services' own; the gateway serves them under /api/. Nothing is passed on that isn't here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

from rest_framework.request import Request
from rest_framework.serializers import Serializer

from common.serializers import PageQuery, PageSerializer, QuerySerializer
from gateway_project.auth import effects
from gateway_project.schemas import orders, products, users


class Access(Enum):
    OPEN = "open"
    USER = "user"
    STAFF = "staff"


class NoQuery(QuerySerializer):
    """No query parameters but `format`."""


Effect = Callable[[Request, Mapping[str, Any], Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of a path. `statuses` are its successes, `errors` the 4xx beyond the usual ones of its kind.

    `body` and `answer` are None where there is none; `replay_safe` marks a write that the service makes idempotent
    by its key; `cacheable` ones are kept if the service marks its answer public; `touches` names services besides its
    own that a write changes things at; `then` runs after a success, with the request, the path's parameters and what
    was sent.
    """

    access: Access
    answer: type[Serializer[Any]] | None = None
    body: type[Serializer[Any]] | None = None
    query: type[QuerySerializer] = NoQuery
    statuses: tuple[int, ...] = (200,)
    errors: tuple[int, ...] = ()
    replay_safe: bool = False
    cacheable: bool = False
    touches: tuple[str, ...] = ()
    then: Effect | None = None


@dataclass(frozen=True, slots=True)
class Route:
    path: str
    service: str
    operations: Mapping[str, Operation]

    def operation(self, method: str) -> Operation:
        """What `method` does; HEAD is a GET. Raises `KeyError` for a method that the path doesn't have."""
        return self.operations["GET" if method == "HEAD" else method]

    @property
    def name(self) -> str:
        """For the resolver: the path without its parameters."""
        parts = [part.strip("<>").rpartition(":")[2] for part in self.path.strip("/").split("/")]
        return "-".join(parts)


@cache
def page_of(row: type[Serializer[Any]]) -> type[PageSerializer]:
    return type(f"{row.__name__}Page", (PageSerializer,), {"results": row(many=True)})


USER, STAFF, OPEN = Access.USER, Access.STAFF, Access.OPEN


def _resource(
    access: Access,
    write: Access,
    schema: type[Serializer[Any]],
    *,
    errors: tuple[int, ...] = (409,),
    then: Effect | None = None,
    cacheable: bool = False,
) -> dict[str, Operation]:
    """GET, PUT, PATCH and DELETE of one thing."""
    return {
        "GET": Operation(access, schema, cacheable=cacheable),
        "PUT": Operation(write, schema, schema, errors=errors, then=then),
        "PATCH": Operation(write, schema, schema, errors=errors, then=then),
        "DELETE": Operation(write, statuses=(204,), errors=errors, then=then),
    }


ROUTES = (
    Route(
        "auth/register/",
        "users",
        {"POST": Operation(OPEN, users.User, users.Registration, statuses=(201,), errors=(409,))},
    ),
    Route(
        "users/",
        "users",
        {
            "GET": Operation(STAFF, page_of(users.User), query=users.UserQuery),
            "POST": Operation(STAFF, users.User, users.NewUser, statuses=(201,), errors=(409,)),
        },
    ),
    Route(
        "users/me/",
        "users",
        _resource(USER, USER, users.User, errors=(403, 409), then=effects.account_changed),
    ),
    Route(
        "users/me/password/",
        "users",
        {"POST": Operation(USER, None, users.PasswordChange, statuses=(204,), then=effects.password_changed)},
    ),
    Route(
        "users/<uuid:user_id>/",
        "users",
        _resource(USER, USER, users.User, errors=(403, 409), then=effects.account_changed),
    ),
    Route(
        "categories/",
        "products",
        {
            "GET": Operation(USER, page_of(products.Category), query=PageQuery, cacheable=True),
            "POST": Operation(STAFF, products.Category, products.Category, statuses=(201,), errors=(409,)),
        },
    ),
    Route("categories/<slug:slug>/", "products", _resource(USER, STAFF, products.Category, cacheable=True)),
    Route(
        "products/",
        "products",
        {
            "GET": Operation(USER, page_of(products.Product), query=products.ProductQuery, cacheable=True),
            "POST": Operation(STAFF, products.Product, products.NewProduct, statuses=(201,), errors=(409,)),
        },
    ),
    Route(
        "products/<uuid:product_id>/",
        "products",
        _resource(USER, STAFF, products.Product, errors=(409, 412), cacheable=True),
    ),
    Route(
        "products/<uuid:product_id>/stock/",
        "products",
        {
            "GET": Operation(STAFF, page_of(products.StockMovement), query=PageQuery),
            "POST": Operation(
                STAFF,
                products.StockMovement,
                products.StockMovement,
                statuses=(201,),
                errors=(409, 412, 422),
                replay_safe=True,
            ),
        },
    ),
    Route(
        "orders/",
        "orders",
        {
            "GET": Operation(USER, page_of(orders.Order), query=orders.OrderQuery),
            "POST": Operation(
                USER,
                orders.Order,
                orders.Order,
                statuses=(201, 202),
                errors=(404, 409, 422),
                replay_safe=True,
                touches=("products",),
            ),
        },
    ),
    Route(
        "orders/<uuid:order_id>/",
        "orders",
        {
            "GET": Operation(USER, orders.Order),
            "PATCH": Operation(USER, orders.Order, orders.OrderChange, errors=(403, 409)),
            "DELETE": Operation(USER, statuses=(204,), errors=(409,)),
        },
    ),
    Route(
        "orders/<uuid:order_id>/cancel/",
        "orders",
        {"POST": Operation(USER, orders.Order, errors=(409,), touches=("products",))},
    ),
)

# Where a write makes kept answers old.
CACHED_SERVICES = frozenset(r.service for r in ROUTES if any(op.cacheable for op in r.operations.values()))
