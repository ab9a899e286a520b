"""Accounts."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import models
from django.utils import timezone

from common.identifiers import new_id


def username_key(username: str) -> str:
    """What all spellings of case of one username share; databases disagree on the case of anything but ASCII."""
    return username.casefold()


class UsernameKeyField(models.CharField):  # type: ignore[type-arg]  # generic in the stubs only
    """Follows `username` at every save, so that no caller can forget it."""

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        key = username_key(model_instance.username)  # type: ignore[attr-defined]
        setattr(model_instance, self.attname, key)
        return key


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(username_key=username_key(username or ""), deleted_at=None)

    def create_superuser(self, username: str, email: str, password: str | None = None, **fields: Any) -> "User":
        """What `manage.py createsuperuser` calls: an account with `is_staff`."""
        user = self.model(username=username, email=self.normalize_email(email), is_staff=True, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """A person. A deleted one keeps its row and id, so that orders stay explicable, and nothing else."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    username = models.CharField(max_length=150, validators=[UnicodeUsernameValidator()])
    username_key = UsernameKeyField(max_length=450, editable=False)  # folding makes up to 3 characters of one
    email = models.EmailField()
    first_name = models.CharField(max_length=150, blank=True)
    last_name = models.CharField(max_length=150, blank=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)
    # Grows when the password changes, so that sessions begun with an older one can be told.
    password_version = models.PositiveIntegerField(default=1)
    deleted_at = models.DateTimeField(null=True, blank=True)
    last_login = None  # sign-ins are the gateway's

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["email"]

    objects = UserManager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("username_key",), name="users_username_unique_whatever_case"),
            models.CheckConstraint(
                condition=models.Q(deleted_at=None) | models.Q(is_active=False, is_staff=False, email=""),
                name="users_deleted_keep_nothing",
            ),
        )
        indexes = (
            models.Index(fields=("date_joined", "id"), name="users_by_age", condition=models.Q(deleted_at=None)),
        )

    def __str__(self) -> str:
        return self.username

    def set_password(self, raw_password: str | None) -> None:
        if self.password:
            self.password_version += 1
        super().set_password(raw_password)

    def check_password(self, raw_password: str | None) -> bool:
        version = self.password_version
        try:
            return super().check_password(raw_password)
        finally:
            self.password_version = version  # Django may have hashed the same password anew, at a higher cost
