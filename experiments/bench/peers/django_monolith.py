"""The same shop as one Django project: DRF, SimpleJWT, one database, an order in one transaction. Run by gunicorn.

`python django_monolith.py FILE` makes the tables and reads rows to begin with from a JSON file.
Environment: DATABASE, JWT_KEY.
"""

import json
import os
import sys
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application

settings.configure(
    SECRET_KEY=os.environ["JWT_KEY"],
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"],
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["DATABASE"],
            "CONN_MAX_AGE": None,
            "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 5, "init_command": "PRAGMA journal_mode = WAL"},
        }
    },
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, models, transaction  # noqa: E402
from django.db.models import F  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import serializers, status  # noqa: E402
from rest_framework.decorators import api_view  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402


class Product(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    sku = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=200)
    price = models.DecimalField(max_digits=12, decimal_places=2)
    currency = models.CharField(max_length=3, default="EUR")
    stock = models.PositiveIntegerField(default=0)

    class Meta:
        app_label = "shop"


class Order(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    user = models.ForeignKey(User, on_delete=models.PROTECT)
    status = models.CharField(max_length=10, default="confirmed")
    total = models.DecimalField(max_digits=19, decimal_places=2)
    currency = models.CharField(max_length=3)
    note = models.CharField(max_length=1000, blank=True)
    shipping_address = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "shop"


class Item(models.Model):
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="items")
    product = models.ForeignKey(Product, on_delete=models.PROTECT)
    quantity = models.PositiveIntegerField()
    sku = models.CharField(max_length=40)
    name = models.CharField(max_length=200)
    unit_price = models.DecimalField(max_digits=12, decimal_places=2)

    class Meta:
        app_label = "shop"


class ItemSerializer(serializers.ModelSerializer):
    product_id = serializers.UUIDField()
    quantity = serializers.IntegerField(min_value=1, max_value=10_000)

    class Meta:
        model = Item
        fields = ("product_id", "sku", "name", "unit_price", "quantity")
        read_only_fields = ("sku", "name", "unit_price")


class OrderSerializer(serializers.ModelSerializer):
    items = ItemSerializer(many=True, allow_empty=False)

    class Meta:
        model = Order
        fields = (
            "id",
            "user_id",
            "status",
            "items",
            "total",
            "currency",
            "note",
            "shipping_address",
            "created_at",
        )
        read_only_fields = ("id", "user_id", "status", "total", "currency", "created_at")


class OutOfStock(Exception):
    pass


@transaction.atomic
def place_order(user: User, items: list[dict[str, Any]], **texts: str) -> Order:
    lines = []
    for item in sorted(items, key=lambda item: item["product_id"]):
        enough = Product.objects.filter(pk=item["product_id"], stock__gte=item["quantity"])
        if not enough.update(stock=F("stock") - item["quantity"]):
            raise OutOfStock
        product = Product.objects.get(pk=item["product_id"])
        lines.append(
            Item(
                product=product,
                quantity=item["quantity"],
                sku=product.sku,
                name=product.name,
                unit_price=product.price,
            )
        )
    total = sum((line.unit_price * line.quantity for line in lines), Decimal(0))
    order = Order.objects.create(user=user, total=total, currency=lines[0].product.currency, **texts)
    for line in lines:
        line.order = order
    Item.objects.bulk_create(lines)
    return order


@api_view(["POST"])
def orders(request: Request) -> Response:
    serializer = OrderSerializer(data=request.data)
    serializer.is_valid(raise_exception=True)
    try:
        order = place_order(request.user, **serializer.validated_data)
    except OutOfStock:
        return Response({"detail": "Not enough in stock"}, status=status.HTTP_409_CONFLICT)
    return Response(OrderSerializer(order).data, status=status.HTTP_201_CREATED)


urlpatterns = [path("api/orders/", orders)]
application = get_wsgi_application()


def begin(rows: dict[str, Any]) -> None:
    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        for model in (Product, Order, Item):
            editor.create_model(model)
    User.objects.create(**rows["user"])
    Product.objects.bulk_create(Product(**product) for product in rows["products"])


if __name__ == "__main__":
    begin(json.loads(Path(sys.argv[1]).read_text()))
