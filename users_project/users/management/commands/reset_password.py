"""`manage.py reset_password` gives an account a new password, without the old one."""

import json
import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.http import Http404
from rest_framework.exceptions import ValidationError

from common.api.pointers import flatten
from common.settings import env
from users_project.users.services import reset_password


class Command(BaseCommand):
    help = (
        "Set a new password of an account: PLAZA_ADMIN_PASSWORD, or one that is made and printed, this once. "
        "Its sessions can't be renewed any more; `manage_all.py admin-password` also ends them at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", nargs="?", default="admin", metavar="USERNAME", help="default: %(default)s")
        parser.add_argument("--json", action="store_true", help="print the account's id too, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        given = env("PLAZA_ADMIN_PASSWORD")
        password = given or secrets.token_urlsafe(12)
        try:
            user = reset_password(username=options["username"], password=password)
        except Http404:
            raise CommandError(
                f"There is no account {options['username']!r}; `manage.py ensure_admin --username "
                f"{options['username']}` makes it."
            ) from None
        except ValidationError as error:
            reasons = " ".join(fault["detail"] for fault in flatten(error.get_full_details()))
            raise CommandError(f"PLAZA_ADMIN_PASSWORD is too weak. {reasons}") from error
        shown = "the one in PLAZA_ADMIN_PASSWORD" if given else password
        hint = "" if user.is_active else " The account is deactivated, so nobody can sign in to it."
        said = f"The new password of {user.username}: {shown}{hint}"
        self.stdout.write(json.dumps({"id": str(user.pk), "said": said}) if options["json"] else said)
