from django.db import migrations, models


class Migration(migrations.Migration):
    """What an order wants is a column of it, and no longer rows of two other tables that are written with it.

    The release before this one asks products for none of what such an order wants, and is refused. So the order stays
    pending, and the first process of this release settles it.
    """

    dependencies = [("orders", "0003_unsettled_index")]

    operations = [migrations.AddField("order", "wanted", models.JSONField(null=True))]
