"""What can be done with accounts. Each function owns its transaction; callers decide who may call."""

from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError

from common.errors import Conflict, Problem
from common.identity import Caller

from .models import User, username_key


class UsernameTaken(Conflict):
    slug = "username-taken"
    title = _("Username taken")
    default_detail = _("A user with that username already exists.")


class LastStaffAccount(Conflict):
    slug = "last-staff-account"
    title = _("Last staff account")
    default_detail = _("The last active staff account cannot be removed, deactivated or demoted.")


class RoleNotYours(Problem):
    status_code = 403
    slug = "role-not-yours"
    title = _("Not yours to change")
    default_detail = _("Only staff change is_staff and is_active, and never their own.")


def live_users() -> QuerySet[User]:
    return User.objects.filter(deleted_at=None)


def search_users(*, search: str = "", is_staff: bool | None = None, is_active: bool | None = None) -> QuerySet[User]:
    """Accounts whose username, email or name contains `search`, in no particular order."""
    users = live_users()
    if search:
        users = users.filter(
            Q(username__icontains=search)
            | Q(email__icontains=search)
            | Q(first_name__icontains=search)
            | Q(last_name__icontains=search)
        )
    if is_staff is not None:
        users = users.filter(is_staff=is_staff)
    if is_active is not None:
        users = users.filter(is_active=is_active)
    return users


def register_user(*, password: str, **fields: Any) -> User:
    """A new account.

    Raises:
        UsernameTaken: by any spelling of case.
        ValidationError: the password is too weak.
    """
    user = User(**fields)
    check_password_strength(password, user)
    user.set_password(password)
    return _save(user)


def update_user(*, user_id: UUID, by: Caller, changes: dict[str, Any]) -> User:
    """The account with `changes` to its fields; the row is locked meanwhile.

    Raises:
        User.DoesNotExist, UsernameTaken, RoleNotYours, LastStaffAccount
    """
    with transaction.atomic():
        user = _lock_with_staff(user_id) if {"is_staff", "is_active"} & changes.keys() else _lock(user_id)
        role_changed = any(
            name in changes and changes[name] != getattr(user, name) for name in ("is_staff", "is_active")
        )
        if role_changed and (user_id == by.user_id or not by.is_staff):
            raise RoleNotYours
        if role_changed and not (changes.get("is_staff", user.is_staff) and changes.get("is_active", user.is_active)):
            _require_other_staff(user)
        for name, value in changes.items():
            setattr(user, name, value)
        return _save(user)


def change_password(*, user_id: UUID, current_password: str, new_password: str) -> User:
    """The account with the new password and a higher `password_version`.

    Raises:
        User.DoesNotExist
        ValidationError: the current password is another, or the new one is too weak.
    """
    with transaction.atomic():
        user = _lock(user_id)
        if not user.check_password(current_password):
            raise ValidationError({"current_password": [_("This is not the current password.")]})
        check_password_strength(new_password, user, member="new_password")
        user.set_password(new_password)
        user.save()
        return user


def delete_user(*, user_id: UUID) -> None:
    """Anonymize the account for good; its id stays, its username becomes free.

    Raises:
        User.DoesNotExist, LastStaffAccount
    """
    with transaction.atomic():
        user = _lock_with_staff(user_id)
        _require_other_staff(user)
        user.username = f"deleted/{user.pk}"  # "/" is in no username, so nobody can have taken it
        user.email = user.first_name = user.last_name = ""
        user.is_active = user.is_staff = False
        user.set_unusable_password()
        user.deleted_at = timezone.now()
        user.save()


def verify_credentials(*, username: str, password: str) -> User | None:
    """The active account that the two belong to, or None; the same time is spent either way."""
    user = live_users().filter(username_key=username_key(username), is_active=True).first()
    if user is None:
        make_password(password)  # as costly as a check, so that time does not tell who exists
        return None
    return user if user.check_password(password) else None


def check_password_strength(password: str, user: User, member: str = "password") -> None:
    """Raises `ValidationError` on `member` when Django's validators object."""
    try:
        validate_password(password, user)
    except DjangoValidationError as error:
        raise ValidationError({member: list(error.messages)}) from error


def _lock(user_id: UUID) -> User:
    return live_users().select_for_update().get(pk=user_id)


def _lock_with_staff(user_id: UUID) -> User:
    """Locks all active staff too, in id order: of two who demote each other one waits, and is refused."""
    wanted = Q(pk=user_id) | Q(is_staff=True, is_active=True)
    locked = {user.pk: user for user in live_users().filter(wanted).order_by("pk").select_for_update()}
    if user_id not in locked:
        raise User.DoesNotExist
    return locked[user_id]


def _require_other_staff(user: User) -> None:
    others = live_users().filter(is_staff=True, is_active=True).exclude(pk=user.pk)
    if user.is_staff and user.is_active and not others.exists():
        raise LastStaffAccount


def _save(user: User) -> User:
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        raise UsernameTaken from error
    return user
