from django.db import migrations, models

import common.catalogue
import common.keys
import common.search.words
import common.unicode
from common.migrations import AddColumn, WidenColumn
from common.search.tables import create_triggers, drop_triggers

SEARCHED = ("sku", "name", "description"), "hidden_at"


def drop(apps, editor):
    drop_triggers(editor, apps.get_model("products", "ProductEntry"), *SEARCHED)


def create(apps, editor):
    create_triggers(editor, apps.get_model("products", "ProductEntry"), *SEARCHED)



SKU_KEY = common.keys.KeyField(
    of="sku", make=common.unicode.folded, max_length=18 * 64, null=True, editable=False
)
NAME_KEY = common.keys.KeyField(
    of="name", make=common.search.words.sort_key, max_length=200, db_default="", editable=False
)


class Migration(migrations.Migration):
    """What makes SKUs unique whatever their case, and what names are sorted by."""

    dependencies = [("products", "0005_ownerless")]

    operations = [
        migrations.RunPython(drop, create),
        WidenColumn(
            "product",
            "sku",
            models.CharField(max_length=64, unique=True, validators=[common.catalogue.validate_sku]),
        ),
        migrations.RunPython(create, drop),
        WidenColumn("reservationline", "sku", models.CharField(max_length=64)),
        migrations.AlterField(
            "product",
            "currency",
            models.CharField(default="EUR", max_length=3, validators=[common.catalogue.validate_currency]),
        ),
        AddColumn("product", "sku_key", SKU_KEY),
        AddColumn("product", "name_key", NAME_KEY),
        migrations.AddConstraint(
            "product",
            models.UniqueConstraint(
                condition=models.Q(("sku_key__isnull", False)),
                fields=("sku_key",),
                name="products_sku_unique_whatever_case",
            ),
        ),
    ]
