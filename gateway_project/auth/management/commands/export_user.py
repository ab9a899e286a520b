"""`manage.py export_user`: a person's sign-ins."""

from uuid import UUID

from common.personal_data import ExportUser, Rows
from gateway_project.auth.models import Session


class Command(ExportUser):
    left_out = ("token_digest", "previous_digest", "spent")

    def rows_about(self, user_id: UUID) -> Rows:
        return {"sessions": Session.objects.filter(user_id=user_id)}
