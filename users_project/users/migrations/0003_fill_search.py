from django.db import migrations

from common.search.index import SearchIndex


def fill(apps, editor):
    index = SearchIndex(
        apps.get_model("users", "UserEntry"),
        ("username", "email", "first_name", "last_name"),
        "deleted_at",
    )
    index.add_missing("date_joined")


class Migration(migrations.Migration):
    """The words of the rows that are there already, in small transactions: others write in between.

    What the release before this one writes from now on, triggers mark as stale. `serve` fills that every minute.
    """

    atomic = False

    dependencies = [("users", "0002_search")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
