from django.db import migrations

from common.batches import in_batches
from common.keys import write_keys


def fill(apps, editor):
    for products in in_batches(apps.get_model("products", "Product").objects.all(), "id"):
        write_keys(products)


class Migration(migrations.Migration):
    """The keys of the rows that are there already, the oldest first, in small transactions: others write in between.

    What the release before this one writes from now on, its words are stale too, and `serve` makes both every minute.
    """

    atomic = False

    dependencies = [("products", "0006_keys")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
