import django.db.models.deletion
from django.db import migrations, models

from common.migrations import DropColumnIndex


def without_index(model, related_name):
    key = models.ForeignKey(
        "orders.order", django.db.models.deletion.CASCADE, related_name=related_name, db_index=False
    )
    return DropColumnIndex("orders", model, "order", key)


class Migration(migrations.Migration):
    """`order_lines_distinct` and `order_events_once_a_status` begin with the order."""

    dependencies = [("orders", "0004_wanted")]

    operations = [
        without_index("orderline", "lines"),
        without_index("orderevent", "events"),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                fields=["user_id", "status", "created_at", "id"],
                name="orders_of_user_by_status",
                condition=models.Q(("hidden_at", None)),
            ),
        ),
    ]
