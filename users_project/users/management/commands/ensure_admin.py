"""`manage.py ensure_admin` creates a first staff account, once. It never resets it."""

import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rest_framework.exceptions import ValidationError

from common.api.pointers import flatten
from common.settings import env
from common.unicode import folded
from users_project.users.search import live_users
from users_project.users.services import UsernameTaken, register_user


class Command(BaseCommand):
    help = (
        "Make the staff account `admin` unless it exists. Its password is taken from PLAZA_ADMIN_PASSWORD, or made "
        "and printed, this once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--username", default="admin", help="default: %(default)s")

    def handle(self, *args: Any, **options: Any) -> None:
        username: str = options["username"]
        if live_users().filter(username_key=folded(username)).exists():
            return
        given = env("PLAZA_ADMIN_PASSWORD")
        password = given or secrets.token_urlsafe(12)
        try:
            register_user(username=username, email=f"{username}@plaza.example", password=password, is_staff=True)
        except UsernameTaken:  # another process created it meanwhile
            return
        except ValidationError as error:
            reasons = " ".join(fault["detail"] for fault in flatten(error.get_full_details()))
            raise CommandError(f"PLAZA_ADMIN_PASSWORD is too weak. {reasons}") from error
        shown = "the one in PLAZA_ADMIN_PASSWORD" if given else password
        self.stdout.write(f"Made the user {username}, password: {shown}")
