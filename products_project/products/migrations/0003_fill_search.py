from django.db import migrations

from common.search.index import SearchIndex


def fill(apps, editor):
    index = SearchIndex(
        apps.get_model("products", "ProductEntry"),
        ("sku", "name", "description"),
        "hidden_at",
    )
    index.add_missing("created_at")


class Migration(migrations.Migration):
    """The words of the rows that are there already, in small transactions: others write in between.

    What the release before this one writes from now on, triggers mark as stale. `serve` fills that every minute.
    """

    atomic = False

    dependencies = [("products", "0002_search")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
