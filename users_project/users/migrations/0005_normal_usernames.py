from django.db import IntegrityError, migrations, transaction

from common.batches import in_batches
from common.unicode import folded, normal_form


def normalize(apps, editor):
    users = apps.get_model("users", "User").objects.all()
    for batch in in_batches(users, "id"):
        for user in batch:
            values = {"username": normal_form(user.username), "username_key": folded(user.username)}
            if values != {name: getattr(user, name) for name in values}:
                try:
                    with transaction.atomic():
                        users.filter(pk=user.pk, username=user.username).update(**values)
                except IntegrityError:
                    print(f"  the account {user.pk} looks like an older one: staff may give it another username")


class Migration(migrations.Migration):
    """Usernames in their normal form. Of two that are the same now, the older keeps it."""

    atomic = False

    dependencies = [("users", "0004_staff_filters")]

    operations = [migrations.RunPython(normalize, migrations.RunPython.noop)]
