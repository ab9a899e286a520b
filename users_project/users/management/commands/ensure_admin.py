"""`manage.py ensure_admin`: a first staff account, made once and never reset."""

import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rest_framework.exceptions import ValidationError

from common.errors import flatten
from common.settings import env
from users_project.users.models import username_key
from users_project.users.services import UsernameTaken, live_users, register_user


class Command(BaseCommand):
    help = (
        "Make the staff account `admin` unless it exists. Its password is taken from PLAZA_ADMIN_PASSWORD, or made "
        "and printed, this once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--username", default="admin", help="default: %(default)s")

    def handle(self, *args: Any, **options: Any) -> None:
        username: str = options["username"]
        if live_users().filter(username_key=username_key(username)).exists():
            return
        given = env("PLAZA_ADMIN_PASSWORD")
        password = given or secrets.token_urlsafe(12)
        try:
            register_user(username=username, email=f"{username}@plaza.example", password=password, is_staff=True)
        except UsernameTaken:  # another start made it meanwhile
            return
        except ValidationError as error:
            reasons = " ".join(fault["detail"] for fault in flatten(error.get_full_details()))
            raise CommandError(f"PLAZA_ADMIN_PASSWORD is too weak. {reasons}") from error
        shown = "the one in PLAZA_ADMIN_PASSWORD" if given else password
        self.stdout.write(f"Made the user {username}, password: {shown}")
