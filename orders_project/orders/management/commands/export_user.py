"""`manage.py export_user`: a person's orders, and what they did with others' as staff."""

from uuid import UUID

from django.db.models import Q

from common.personal_data import ExportUser, Rows
from orders_project.orders.models import IdempotencyKey, Order, OrderEvent, OrderLine


class Command(ExportUser):
    def rows_about(self, user_id: UUID) -> Rows:
        return {
            "orders": Order.objects.filter(user_id=user_id),
            "lines": OrderLine.objects.filter(order__user_id=user_id),
            "events": OrderEvent.objects.filter(Q(order__user_id=user_id) | Q(by=user_id)),
            "idempotency_keys": IdempotencyKey.objects.filter(user_id=user_id),
        }
