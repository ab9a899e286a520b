from django.db import migrations, models


class Migration(migrations.Migration):
    """A field's new name. Its column keeps the old one, so that the table fits the release before this one too."""

    dependencies = [("orders", "0001_initial")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameField("order", "hopeless", "permanent_failures"),
                migrations.AlterField(
                    "order", "permanent_failures", models.PositiveIntegerField(db_column="hopeless", default=0)
                ),
            ]
        )
    ]
