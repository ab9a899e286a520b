"""`manage.py end_sessions` signs a user out everywhere."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.identifiers import parse_id
from gateway_project.auth.sessions import open_sessions, revoke


class Command(BaseCommand):
    help = "End all sessions of a user. Their tokens are refused within a second, also by running gateways."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user_id", metavar="ID", help="of the user, as in the users project")

    def handle(self, *args: Any, **options: Any) -> None:
        user_id = parse_id(options["user_id"])
        if user_id is None:
            raise CommandError(f"{options['user_id']!r} is not the id of a user, which is a UUID.")
        self.stdout.write(f"Sessions ended: {revoke(open_sessions().filter(user_id=user_id), 'ended by operator')}")
