"""`manage.py export_user`: an account, by its id or username."""

from uuid import UUID

from django.core.management.base import CommandError

from common.identifiers import parse_id
from common.personal_data import ExportUser, Rows
from common.unicode import folded
from users_project.users.models import User, UserEntry


class Command(ExportUser):
    left_out = ("password",)

    def find(self, given: str) -> UUID:
        user_id = parse_id(given)
        found = User.objects.filter(pk=user_id) if user_id else User.objects.filter(username_key=folded(given))
        user = found.first()
        if user is None:
            raise CommandError(f"There is no account {given!r}; name one by its id or username.")
        return user.pk

    def rows_about(self, user_id: UUID) -> Rows:
        return {
            "accounts": User.objects.filter(pk=user_id),
            "search_entries": UserEntry.objects.filter(owner=user_id),
        }
