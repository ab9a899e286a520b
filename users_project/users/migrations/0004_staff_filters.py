from django.db import migrations, models


def keyset(name, **chosen):
    condition = models.Q(("deleted_at", None), *chosen.items())
    return migrations.AddIndex("user", models.Index(fields=["date_joined", "id"], name=name, condition=condition))


class Migration(migrations.Migration):
    """A keyset index for each of the filters that staff have."""

    dependencies = [("users", "0003_fill_search")]

    operations = [
        keyset("users_staff", is_staff=True),
        keyset("users_active", is_active=True),
        keyset("users_inactive", is_active=False),
    ]
