from django.db import migrations, models

from common.migrations import WidenColumn


class Migration(migrations.Migration):
    dependencies = [("orders", "0005_lists_of_a_user")]

    operations = [WidenColumn("orderline", "sku", models.CharField(max_length=64, null=True))]
