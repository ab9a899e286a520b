from django.db import migrations, models


class Migration(migrations.Migration):
    """When the operator found that orders doesn't know the order of a reservation."""

    dependencies = [("products", "0004_drop_doubled_indexes")]

    operations = [migrations.AddField("reservation", "ownerless_at", models.DateTimeField(blank=True, null=True))]
