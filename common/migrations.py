"""Operations of migrations that are the same on both databases."""

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import AddField, AlterField, RunPython, SeparateDatabaseAndState
from django.db.migrations.state import StateApps
from django.db.models import Field, Model


class DropColumnIndex(SeparateDatabaseAndState):
    """Makes the field one without an index of its own, where another index begins with the same column.

    `AlterField` would write the whole table anew on SQLite, while nobody else can write.
    """

    def __init__(self, app: str, model: str, field: str, without_index: "Field[Any, Any]") -> None:
        def drop(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
            table: type[Model] = apps.get_model(app, model)
            column = table._meta.get_field(field).column
            with editor.connection.cursor() as cursor:
                found = editor.connection.introspection.get_constraints(cursor, table._meta.db_table)
            for name, index in found.items():
                is_plain = index["index"] and not (index["unique"] or index["foreign_key"])
                if is_plain and index["columns"] == [column]:
                    editor.execute(f"DROP INDEX {editor.quote_name(name)}")

        super().__init__(
            database_operations=[RunPython(drop, RunPython.noop)],
            state_operations=[AlterField(model, field, without_index)],
        )


class WidenColumn(AlterField):
    """A text may be longer. SQLite doesn't mind, and Django would write the whole table anew there."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "sqlite":
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    database_backwards = database_forwards


class AddColumn(AddField):
    """One that is null, or has a default that the database knows: no row is written, and old code goes on inserting.

    On SQLite too, where Django would write the whole table anew.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        table = to_state.apps.get_model(app_label, self.model_name)
        BaseDatabaseSchemaEditor.add_field(schema_editor, table, table._meta.get_field(self.name))
