import django.db.models.deletion
from django.db import migrations, models

from common.migrations import DropColumnIndex


class Migration(migrations.Migration):
    """`movements_by_age` and `reservation_lines_distinct` begin with these columns."""

    dependencies = [("products", "0003_fill_search")]

    operations = [
        DropColumnIndex(
            "products",
            "stockmovement",
            "product",
            models.ForeignKey(
                "products.product", django.db.models.deletion.PROTECT, related_name="movements", db_index=False
            ),
        ),
        DropColumnIndex(
            "products",
            "reservationline",
            "reservation",
            models.ForeignKey(
                "products.reservation", django.db.models.deletion.CASCADE, related_name="lines", db_index=False
            ),
        ),
    ]
