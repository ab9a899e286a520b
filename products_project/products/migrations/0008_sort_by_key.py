from django.db import migrations, models

VARIANTS = {
    "": ((), {}),
    "_cat": (("category",), {}),
    "_avail": ((), {"stock__gt": 0}),
    "_out": ((), {"stock": 0}),
}


def index(column, suffix):
    leading, chosen = VARIANTS[suffix]
    condition = models.Q(("hidden_at", None), *chosen.items())
    return models.Index(fields=[*leading, column, "id"], name=f"products_{column}{suffix}", condition=condition)


class Migration(migrations.Migration):
    """A list in order of names walks along their keys. Until it ends, the release before this one sorts for it."""

    dependencies = [("products", "0007_fill_keys")]

    operations = [
        *(migrations.AddIndex("product", index("name_key", suffix)) for suffix in VARIANTS),
        *(migrations.RemoveIndex("product", f"products_name{suffix}") for suffix in VARIANTS),
    ]
