"""Accounts."""

from typing import Any, ClassVar

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from common.identifiers import new_id
from common.search.tables import WordsField
from common.unicode import folded, normal_form


class UsernameKeyField(models.CharField):  # type: ignore[type-arg]  # generic in the stubs only
    """Set from `username` at every save, so that no caller can forget it."""

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        key = folded(model_instance.username)  # type: ignore[attr-defined]
        setattr(model_instance, self.attname, key)
        return key


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(username_key=folded(username or ""), deleted_at=None)

    def create_superuser(self, username: str, email: str, password: str | None = None, **fields: Any) -> "User":
        """An account with `is_staff`. `manage.py createsuperuser` calls this."""
        user = self.model(username=normal_form(username), email=self.normalize_email(email), is_staff=True, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """A person. A deleted account keeps only its row and id, so that its orders still belong to someone."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    username = models.CharField(max_length=150, validators=[UnicodeUsernameValidator()])
    username_key = UsernameKeyField(max_length=450, editable=False)  # folding turns one character into up to 3
    email = models.EmailField()
    first_name = models.CharField(max_length=150, blank=True)
    last_name = models.CharField(max_length=150, blank=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)
    # Grows when the password changes. It tells which sessions were started with an older password.
    password_version = models.PositiveIntegerField(default=1)
    deleted_at = models.DateTimeField(null=True, blank=True)
    last_login = None  # the gateway records sign-ins

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
            models.Index(Lower("email"), name="users_by_email"),
            *(
                models.Index(fields=("date_joined", "id"), name=name, condition=models.Q(deleted_at=None, **chosen))
                for name, chosen in (
                    ("users_by_age", {}),
                    ("users_staff", {"is_staff": True}),
                    ("users_active", {"is_active": True}),
                    ("users_inactive", {"is_active": False}),
                )
            ),
        )

    def __str__(self) -> str:
        return self.username

    def set_password(self, raw_password: str | None) -> None:
        if self.password:
            self.password_version += 1
        super().set_password(raw_password and normal_form(raw_password))

    def check_password(self, raw_password: str | None) -> bool:
        """In its normal form, and as it was typed: so it was hashed by releases before this one."""
        if raw_password is None:
            return False
        normal = normal_form(raw_password)
        if check_password(normal, self.password, setter=self._hash_again):
            return True
        if normal == raw_password or not check_password(raw_password, self.password):
            return False
        self._hash_again(normal)
        return True

    def _hash_again(self, password: str) -> None:
        """The same password, with another form or at a higher cost, unless it has been changed meanwhile."""
        unchanged = User.objects.filter(pk=self.pk, password=self.password)
        self.password = make_password(password)
        unchanged.update(password=self.password)


class ResetRequest(models.Model):
    """Somebody has asked for a new password of `account`, a username or an e-mail address; see `postman`."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.CharField(max_length=254)
    language = models.CharField(max_length=10)
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now, db_index=True)
    attempts = models.PositiveSmallIntegerField(default=0)


class UserEntry(models.Model):
    """The words of an account, for searches. `common.search` says how it comes about."""

    number = models.BigAutoField(primary_key=True)
    owner = models.OneToOneField(User, on_delete=models.CASCADE, related_name="+")
    words = WordsField()
    is_stale = models.BooleanField()

    class Meta:
        indexes = (models.Index(fields=("number",), name="user_entries_stale", condition=models.Q(is_stale=True)),)
