import django.db.models.deletion
from django.db import migrations, models

import common.search.tables
from common.search.tables import create_search

COLUMNS = ("username", "email", "first_name", "last_name")


def create(apps, editor):
    create_search(editor, apps.get_model("users", "UserEntry"), COLUMNS, "deleted_at")


class Migration(migrations.Migration):
    """Entries for searches, and the triggers that keep them."""

    dependencies = [("users", "0001_initial")]

    operations = [
        migrations.CreateModel(
            "UserEntry",
            [
                ("number", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "owner",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="users.user"
                    ),
                ),
                ("words", common.search.tables.WordsField()),
                ("is_stale", models.BooleanField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["number"], name="user_entries_stale", condition=models.Q(("is_stale", True))
                    )
                ]
            },
        ),
        migrations.RunPython(create, migrations.RunPython.noop),
    ]
