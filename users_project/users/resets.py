"""New passwords for people who have forgotten theirs: a request, a letter with a link, and the link's one use.

Whoever asks gets the same answer after the same work, whether there is such an account or not: a request is a row, and
`postman` looks for the account later. The link is signed, with what changes when the password does, so it works once.
"""

from uuid import UUID

from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.expressions import Value
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.api.errors import Problem
from common.unicode import folded

from .models import ResetRequest, User
from .search import live_users
from .services import check_password_strength

MOST_ACCOUNTS = 20  # of one e-mail address that get a link


class ResetLinkInvalid(Problem):
    status_code = 404
    slug = "reset-link-invalid"
    title = _("This link does not work any more")
    default_detail = _("It has been used, has expired, or a newer password was set. Ask for a new link.")


class ResetTokens(PasswordResetTokenGenerator):
    key_salt = "plaza.password-reset"

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        return f"{user.pk}{user.password}{user.password_version}{user.email}{timestamp}"


tokens = ResetTokens()


def request_reset(*, account: str, language: str) -> ResetRequest:
    """Remember that somebody has asked for a new password of `account`, a username or an e-mail address."""
    return ResetRequest.objects.create(account=account, language=language)


def accounts_of(text: str) -> QuerySet[User]:
    """The active accounts with this username or this e-mail address, in any case of letters."""
    named = Q(username_key=folded(text)) | Q(email_key=Lower(Value(text)))
    return live_users().alias(email_key=Lower("email")).filter(named, is_active=True)[:MOST_ACCOUNTS]


def find_holder(*, user_id: UUID, token: str) -> User | None:
    """The active account whose password a link may set; None if the link doesn't work."""
    user = live_users().filter(pk=user_id, is_active=True).first()
    return user if user and tokens.check_token(user, token) else None


def reset_password(*, user_id: UUID, token: str, new_password: str) -> None:
    """Set a new password, which also raises `password_version`.

    Raises:
        ResetLinkInvalid
        ValidationError: the password is too weak. The link still works.
    """
    user = find_holder(user_id=user_id, token=token)
    if user is None:
        raise ResetLinkInvalid
    version = user.password_version
    check_password_strength(new_password, user, field="new_password")
    user.set_password(new_password)  # hashing is slow, so nothing is locked until it is done
    unchanged = live_users().filter(pk=user.pk, password_version=version, is_active=True)
    with transaction.atomic():
        if not unchanged.update(password=user.password, password_version=user.password_version):
            raise ResetLinkInvalid  # another use of the link, or a change, was first


def due_requests() -> QuerySet[ResetRequest]:
    return ResetRequest.objects.filter(due_at__lte=timezone.now()).order_by("due_at", "pk")
