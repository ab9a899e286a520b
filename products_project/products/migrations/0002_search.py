import django.db.models.deletion
from django.db import migrations, models

import common.search.tables
from common.search.tables import create_search

COLUMNS = ("sku", "name", "description")


def create(apps, editor):
    create_search(editor, apps.get_model("products", "ProductEntry"), COLUMNS, "hidden_at")


class Migration(migrations.Migration):
    """Entries for searches, and the triggers that keep them."""

    dependencies = [("products", "0001_initial")]

    operations = [
        migrations.CreateModel(
            "ProductEntry",
            [
                ("number", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "owner",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="products.product"
                    ),
                ),
                ("words", common.search.tables.WordsField()),
                ("is_stale", models.BooleanField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["number"], name="product_entries_stale", condition=models.Q(("is_stale", True))
                    )
                ]
            },
        ),
        migrations.RunPython(create, migrations.RunPython.noop),
    ]
