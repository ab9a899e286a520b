"""THE table: every public path that a service answers, who may call it, what enters, what leaves.

Paths are the services' own; the gateway serves them under /api/. Nothing is passed on that isn't here.
"""

from functools import partial

from django.conf import settings

from common.api.serializers import PageQuery, StrictSerializer
from gateway_project.auth.account_changes import account_changed, password_changed, password_reset
from gateway_project.auth.permissions import AllowAny, IsAuthenticated, IsStaff, Permission
from gateway_project.schemas import orders, products, users

from .operations import AfterSuccess, Operation, Route


def _resource(
    read: Permission,
    write: Permission,
    schema: type[StrictSerializer],
    *,
    errors: tuple[int, ...] = (409,),
    cacheable: bool = False,
    write_lane: str = "",
    after_success: AfterSuccess | None = None,
) -> dict[str, Operation]:
    """GET, PUT, PATCH and DELETE of one thing."""
    return {
        "GET": Operation(read, schema, cacheable=cacheable),
        "PUT": Operation(write, schema, schema, errors=errors, lane=write_lane, after_success=after_success),
        "PATCH": Operation(write, schema, schema, errors=errors, lane=write_lane, after_success=after_success),
        "DELETE": Operation(write, statuses=(204,), errors=errors, lane=write_lane, after_success=after_success),
    }


# To change the e-mail address of one's own account, or to delete it, takes the current password.
_change_account = partial(
    Operation,
    IsAuthenticated,
    errors=(403, 409),
    guesses="current_password",
    guess_lane="credentials",
    after_success=account_changed,
)
_ACCOUNT = {
    "GET": Operation(IsAuthenticated, users.User),
    "PUT": _change_account(users.User, users.UserChange),
    "PATCH": _change_account(users.User, users.UserChange),
    "DELETE": _change_account(body=users.UserDeletion, statuses=(204,)),
}

ROUTES = (
    Route(
        "auth/register/",
        "users",
        "accounts",
        {
            "POST": Operation(
                AllowAny, users.User, users.Registration, statuses=(201,), errors=(409,), lane="credentials"
            )
        },
    ),
    Route(
        "auth/password-reset/",
        "users",
        "accounts",
        {"POST": Operation(AllowAny, None, users.ResetRequest, statuses=(204,), counted="account")},
    ),
    Route(
        "auth/password-reset/confirm/",
        "users",
        "accounts",
        {
            "POST": Operation(
                AllowAny,
                None,
                users.PasswordReset,
                statuses=(204,),
                lane="credentials",
                after_success=password_reset,
            )
        },
    ),
    Route(
        "users/",
        "users",
        "accounts",
        {
            "GET": Operation(IsStaff, users.UserPage, query=users.UserQuery, lane="search"),
            "POST": Operation(IsStaff, users.User, users.NewUser, statuses=(201,), errors=(409,), lane="credentials"),
        },
    ),
    Route(
        "users/me/",
        "users",
        "accounts",
        _ACCOUNT,
    ),
    Route(
        "users/me/password/",
        "users",
        "accounts",
        {
            "POST": Operation(
                IsAuthenticated,
                None,
                users.PasswordChange,
                statuses=(204,),
                lane="credentials",
                guesses="current_password",
                after_success=password_changed,
            )
        },
    ),
    Route(
        "users/<uuid:user_id>/",
        "users",
        "accounts",
        _ACCOUNT,
    ),
    Route(
        "categories/",
        "products",
        "catalogue",
        {
            "GET": Operation(IsAuthenticated, products.CategoryPage, query=PageQuery, cacheable=True),
            "POST": Operation(
                IsStaff, products.Category, products.Category, statuses=(201,), errors=(409,), lane="writes"
            ),
        },
    ),
    Route(
        "categories/<slug:slug>/",
        "products",
        "catalogue",
        _resource(IsAuthenticated, IsStaff, products.Category, errors=(409, 412), cacheable=True, write_lane="writes"),
    ),
    Route(
        "products/",
        "products",
        "catalogue",
        {
            "GET": Operation(
                IsAuthenticated, products.ProductPage, query=products.ProductQuery, search_lane="search", cacheable=True
            ),
            "POST": Operation(
                IsStaff, products.Product, products.NewProduct, statuses=(201,), errors=(409,), lane="writes"
            ),
        },
    ),
    Route(
        "products/<uuid:product_id>/",
        "products",
        "catalogue",
        _resource(IsAuthenticated, IsStaff, products.Product, errors=(409, 412), cacheable=True, write_lane="writes"),
    ),
    Route(
        "products/<uuid:product_id>/stock/",
        "products",
        "catalogue",
        {
            "GET": Operation(IsStaff, products.StockMovementPage, query=PageQuery),
            "POST": Operation(
                IsStaff,
                products.StockMovement,
                products.StockMovement,
                statuses=(201,),
                errors=(409, 412, 422),
                replay_safe=True,
                lane="writes",
            ),
        },
    ),
    Route(
        "orders/",
        "orders",
        "orders",
        {
            "GET": Operation(IsAuthenticated, orders.OrderPage, query=orders.OrderQuery),
            "POST": Operation(
                IsAuthenticated,
                orders.Order,
                orders.Order,
                statuses=(201, 202),
                errors=(404, 409, 422),
                max_body_bytes=settings.MAX_ORDER_BODY_BYTES,
                replay_safe=True,
                also_invalidates=("products",),
            ),
        },
    ),
    Route(
        "orders/<uuid:order_id>/",
        "orders",
        "orders",
        {
            "GET": Operation(IsAuthenticated, orders.Order),
            "PATCH": Operation(IsAuthenticated, orders.Order, orders.OrderChange, errors=(403, 409)),
            "DELETE": Operation(IsAuthenticated, statuses=(204,), errors=(409,)),
        },
    ),
    Route(
        "orders/<uuid:order_id>/cancel/",
        "orders",
        "orders",
        {"POST": Operation(IsAuthenticated, orders.Order, errors=(409,), also_invalidates=("products",))},
    ),
)

# The services some of whose answers are cached.
CACHED_SERVICES = frozenset(r.service for r in ROUTES if any(op.cacheable for op in r.operations.values()))
