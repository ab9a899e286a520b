"""All that a project's database holds about a person, as JSON. `manage.py export_user` of each project writes it."""

import json
from collections.abc import Collection, Mapping
from typing import IO, Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet

from common.identifiers import parse_id

Rows = Mapping[str, QuerySet[Any]]

HELP = """\
Write all that this project's database holds about a person as one JSON document: {"table": [rows]}, every column of
them, hidden rows too. Digests of passwords and tokens are left out. `manage_all.py export-user` asks all projects."""


class ExportUser(BaseCommand):
    """A project says what its tables hold: `rows_about`."""

    help = HELP
    left_out: Collection[str] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user_id", metavar="ID", help="of the user")

    def handle(self, *args: Any, **options: Any) -> None:
        user_id = self.find(options["user_id"])
        write(self.stdout, self.rows_about(user_id), self.left_out)  # type: ignore[arg-type]  # it has a `write`

    def find(self, given: str) -> UUID:
        user_id = parse_id(given)
        if user_id is None:
            raise CommandError(f"{given!r} is not the id of a user, which is a UUID.")
        return user_id

    def rows_about(self, user_id: UUID) -> Rows:
        raise NotImplementedError


def write(out: IO[str], rows: Rows, left_out: Collection[str]) -> None:
    """A row a line. However many there are, one is in memory at a time."""
    for number, (name, found) in enumerate(rows.items()):
        columns = [field.attname for field in found.model._meta.concrete_fields if field.attname not in left_out]
        out.write(f"{', ' if number else '{'}{json.dumps(name)}: [\n")
        for position, row in enumerate(found.order_by("pk").values(*columns).iterator()):
            text = json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False)
            out.write(f"{',' if position else ' '}{text}\n")
        out.write("]\n")
    out.write("}\n")
