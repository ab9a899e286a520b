from django.db import migrations, models


class Migration(migrations.Migration):
    """One index for all that the relay looks for. The queries of the release before this one can use it too."""

    dependencies = [("orders", "0002_order_permanent_failures")]

    operations = [
        migrations.AddIndex(
            "order",
            models.Index(fields=["due_at"], name="orders_unsettled", condition=models.Q(("wants", ""), _negated=True)),
        ),
        migrations.RemoveIndex("order", "orders_due"),
        migrations.RemoveIndex("order", "orders_parked"),
    ]
