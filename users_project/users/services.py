"""What can be done with accounts. Each function owns its transaction. The views decide who may do it."""

from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError, transaction
from django.db.models import CharField, F, UUIDField
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError

from common.api.errors import Conflict, Problem
from common.identity import Caller
from common.prepared import Parameter, Prepared
from common.unicode import folded, normal_form

from .models import User
from .search import INDEX, filter_users, live_users


class UsernameTaken(Conflict):
    slug = "username-taken"
    title = _("Username taken")
    default_detail = _("Somebody has this username already. Choose another one.")


class LastStaffAccount(Conflict):
    slug = "last-staff-account"
    title = _("Last staff account")
    default_detail = _("The last active staff account cannot be removed or demoted. Make another one first.")


class RoleNotYours(Problem):
    status_code = 403
    slug = "role-not-yours"
    title = _("Not yours to change")
    default_detail = _("Only staff change is_staff and is_active, and never their own. Ask another member of staff.")


class WrongPassword(ValidationError):
    """The gateway slows whoever gets this error, by its code."""

    def __init__(self) -> None:
        super().__init__({"current_password": [_("This is not the current password. Try again.")]}, "wrong-password")


class PasswordRequired(ValidationError):
    def __init__(self) -> None:
        super().__init__({"current_password": [_("This needs your current password. Enter it.")]}, "required")


_account = Prepared(lambda: live_users().filter(pk=Parameter("id", UUIDField())))
_account_named = Prepared(lambda: live_users().filter(username_key=Parameter("key", CharField()), is_active=True))


def find_user(user_id: UUID | None) -> User:
    """Raises `Http404`."""
    if user := _account.first(id=user_id):
        return user
    raise Http404


def register_user(*, password: str, **fields: Any) -> User:
    """A new account.

    Raises:
        UsernameTaken: in any combination of upper and lower case.
        ValidationError: the password is too weak.
    """
    user = User(**fields)
    check_password_strength(password, user)
    user.set_password(password)
    return _save(user)


def update_user(*, user_id: UUID, by: Caller, changes: dict[str, Any], current_password: str | None = None) -> User:
    """Change fields of an account, with its row locked. A new e-mail address of one's own needs the current password.

    Raises:
        Http404, UsernameTaken, RoleNotYours, LastStaffAccount, WrongPassword, PasswordRequired
    """
    is_confirmed = _check_callers_password(by, current_password)
    with transaction.atomic():
        user = _lock_with_staff(user_id) if {"is_staff", "is_active"} & changes.keys() else _lock(user_id)
        role_changed = any(
            name in changes and changes[name] != getattr(user, name) for name in ("is_staff", "is_active")
        )
        if role_changed and (user_id == by.user_id or not by.is_staff):
            raise RoleNotYours
        if role_changed and not (changes.get("is_staff", user.is_staff) and changes.get("is_active", user.is_active)):
            _require_other_staff(user)
        if user_id == by.user_id and changes.get("email", user.email) != user.email and not is_confirmed:
            raise PasswordRequired
        for name, value in changes.items():
            setattr(user, name, value)
        return _save(user)


def change_password(*, user_id: UUID | None, current_password: str, new_password: str) -> User:
    """Set a new password, which also raises `password_version`.

    Raises:
        Http404, WrongPassword
        ValidationError: the new password is too weak.
    """
    user = find_user(user_id)
    version = user.password_version
    require_password(user, current_password)
    check_password_strength(new_password, user, field="new_password")
    user.set_password(new_password)  # hashing is slow, so nothing is locked until it is done
    unchanged = live_users().filter(pk=user.pk, password_version=version)
    with transaction.atomic():
        if not unchanged.update(password=user.password, password_version=user.password_version):
            raise WrongPassword  # somebody else has changed it meanwhile
    return user


def reset_password(*, username: str, password: str) -> User:
    """Set a new password without the old one, for the operator.

    Raises:
        Http404
        ValidationError: the password is too weak.
    """
    user = get_object_or_404(live_users(), username_key=folded(username))
    check_password_strength(password, user)
    user.set_password(password)  # slow, so nothing is locked
    live_users().filter(pk=user.pk).update(password=user.password, password_version=F("password_version") + 1)
    return user


def delete_user(*, user_id: UUID, by: Caller, current_password: str | None = None) -> None:
    """Anonymize the account for good. Its id stays; its username becomes free. One's own needs the current password.

    Raises:
        Http404, LastStaffAccount, WrongPassword, PasswordRequired
    """
    if not _check_callers_password(by, current_password) and user_id == by.user_id:
        raise PasswordRequired
    with transaction.atomic():
        user = _lock_with_staff(user_id)
        _require_other_staff(user)
        user.username = f"deleted/{user.pk}"  # no username may contain "/", so nobody can have taken this one
        user.email = user.first_name = user.last_name = ""
        user.is_active = user.is_staff = False
        user.set_unusable_password()
        user.deleted_at = timezone.now()
        user.save()


def verify_credentials(*, username: str, password: str) -> User | None:
    """The active account with this username and password, or None. Both take the same time."""
    user = _account_named.first(key=folded(username))
    if user is None:
        for each in {normal_form(password), password}:
            make_password(each)  # takes as long as a check, so that the time doesn't reveal which accounts exist
        return None
    return user if user.check_password(password) else None


def require_password(user: User, current_password: str) -> None:
    """Raises `WrongPassword`. This is slow: no caller may hold a lock."""
    if not user.check_password(current_password):
        raise WrongPassword


def check_password_strength(password: str, user: User, field: str = "password") -> None:
    """Raises `ValidationError` at `field` if Django's password validators object."""
    try:
        validate_password(normal_form(password), user)
    except DjangoValidationError as error:
        raise ValidationError({field: list(error.messages)}) from error


def _check_callers_password(by: Caller, current_password: str | None) -> bool:
    """Whether the caller has sent their own password. Slow, as `require_password` is.

    It is checked whenever it is sent: the gateway takes a success for a sign that it was right.

    Raises:
        Http404, WrongPassword
    """
    if current_password is None:
        return False
    require_password(find_user(by.user_id), current_password)
    return True


def _lock(user_id: UUID | None) -> User:
    return get_object_or_404(live_users().select_for_update(), pk=user_id)


def _lock_with_staff(user_id: UUID) -> User:
    """Lock all active staff too, in order of id. If two demote each other at once, the second waits and is refused."""
    wanted = live_users().filter(pk__in={user_id, *_active_staff()})
    locked = {user.pk: user for user in wanted.order_by("pk").select_for_update()}
    if user_id not in locked:
        raise Http404
    return locked[user_id]


def _require_other_staff(user: User) -> None:
    if user.is_staff and user.is_active and not _active_staff() - {user.pk}:
        raise LastStaffAccount


def _active_staff() -> set[UUID]:
    return set(filter_users({"is_staff": True, "is_active": True}).values_list("pk", flat=True))


def _save(user: User) -> User:
    user.username = normal_form(user.username)
    try:
        with transaction.atomic():
            user.save()
            INDEX.write(user)
    except IntegrityError as error:
        raise UsernameTaken from error
    return user
