import ipaddress

from django.db import migrations, models


def fill(apps, schema_editor):
    """Sessions that exist already count as sign-ins from their networks."""
    session_model = apps.get_model("gateway_auth", "Session")
    batch = []
    for session in session_model.objects.only("pk", "username", "address").iterator(chunk_size=500):
        session.username_key = session.username.casefold()
        session.network = network_of(session.address)
        batch.append(session)
        if len(batch) == 500:
            session_model.objects.bulk_update(batch, ["username_key", "network"])
            batch.clear()
    session_model.objects.bulk_update(batch, ["username_key", "network"])


def network_of(address):
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:  # what a proxy sent was once stored as it came
        return ""
    if parsed.version == 4:
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.IPv6Network((int(parsed), 64), strict=False))


class Migration(migrations.Migration):
    dependencies = [("gateway_auth", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="session",
            name="network",
            field=models.CharField(blank=True, db_default="", default="", max_length=45),
        ),
        migrations.AddField(
            model_name="session",
            name="username_key",
            field=models.CharField(blank=True, db_default="", default="", max_length=450),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="session",
            index=models.Index(fields=["username_key", "network", "created_at"], name="sessions_known_networks"),
        ),
    ]
