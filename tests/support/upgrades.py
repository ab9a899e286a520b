"""The release before this one at the tables of this one: while it is replaced, both serve.

Its models come from the migrations that it had. A release moves the numbers in RELEASED on to its own.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from django.apps import apps
from django.conf import settings
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader

from common.migrations import DropColumnIndex, WidenColumn

# The last migration of each app in the release before this one.
RELEASED = {
    "gateway_auth": "0001_initial",
    "gateway_status": "0001_initial",
    "users": "0001_initial",
    "products": "0001_initial",
    "orders": "0001_initial",
}

# What leaves a table as its old users know it. What else a migration does is in EXPLAINED, with the reason why the
# release before this one can live with it.
HARMLESS = (
    migrations.CreateModel,
    migrations.AddField,  # held by writing a row without it
    migrations.AddIndex,
    migrations.RemoveIndex,
    migrations.RunPython,
    migrations.SeparateDatabaseAndState,
    DropColumnIndex,
    WidenColumn,
)
EXPLAINED: dict[tuple[str, str], str] = {
    ("products", "0006_keys"): "The constraint leaves out rows without a key; of the currency only validators change.",
}

# Values of a model's fields that only its constraints ask for.
NEEDED = {
    "Order": {"status": "pending", "wants": "held"},
    "Session": {"expires_at": datetime.now(UTC) + timedelta(days=1)},
    "Reservation": {"state": "held"},
}


def own_apps() -> list[str]:
    project = f"{settings.SERVICE_NAME}_project."
    return [app.label for app in apps.get_app_configs() if app.name.startswith(project) and app.models]


def released_models() -> list[type[Any]]:
    """The models of the release before this one, for the database as it is now."""
    loader = MigrationLoader(None)
    state = loader.project_state([(label, RELEASED[label]) for label in own_apps()])
    return [model for label in own_apps() for model in state.apps.get_app_config(label).get_models()]


def operations_since() -> Iterator[tuple[tuple[str, str], Any]]:
    """Each operation of the migrations that are new, with its migration's name."""
    loader = MigrationLoader(None)
    old = {node for label in own_apps() for node in loader.graph.forwards_plan((label, RELEASED[label]))}
    for node, migration in sorted(loader.disk_migrations.items()):
        if node[0] in own_apps() and node not in old:
            yield from ((node, operation) for operation in migration.operations)


def write_and_read(model: type[Any]) -> None:
    """Insert a row, read it, and write each of its columns again."""
    row = make(model)
    found = model._default_manager.get(pk=row.pk)
    for field in model._meta.concrete_fields:
        assert getattr(found, field.attname) == getattr(row, field.attname), field
    found.save(force_update=True)


def make(model: type[Any]) -> Any:
    chosen = NEEDED.get(model.__name__, {})
    fields = [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]
    values = {field.name: chosen[field.name] if field.name in chosen else _value(field) for field in fields}
    return model._default_manager.create(**values)


def _value(field: Any) -> Any:
    if isinstance(field, models.ForeignKey):
        return make(field.related_model)
    if field.has_default():
        return field.get_default()
    if field.null:
        return None
    if isinstance(field, models.UUIDField):
        return uuid4()
    if isinstance(field, models.BooleanField):
        return True
    if isinstance(field, models.IntegerField | models.DecimalField):
        return field.to_python(1)
    if isinstance(field, models.DateTimeField):
        return datetime.now(UTC)
    return field.choices[0][0] if field.choices else uuid4().hex[: field.max_length]
