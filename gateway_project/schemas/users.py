"""Accounts."""

from typing import Any

from django.contrib.auth.validators import UnicodeUsernameValidator
from rest_framework import serializers

from common.api.serializers import NormalizedField, PageQuery, PageSerializer, PasswordField, StrictSerializer


class User(StrictSerializer):
    id = serializers.UUIDField(read_only=True)
    username = NormalizedField(max_length=150, validators=[UnicodeUsernameValidator()])
    email = serializers.EmailField(max_length=254)
    first_name = serializers.CharField(max_length=150, required=False, allow_blank=True)
    last_name = serializers.CharField(max_length=150, required=False, allow_blank=True)
    is_staff = serializers.BooleanField(required=False)
    is_active = serializers.BooleanField(required=False, initial=True)
    date_joined = serializers.DateTimeField(read_only=True)


class UserChange(User):
    """A new e-mail address of one's own needs the current password. Wrong ones are slowed (429)."""

    current_password = PasswordField(required=False, help_text="Needed for a new e-mail address of your own.")


class UserDeletion(StrictSerializer):
    """To delete one's own account needs the current password, in a JSON body. Wrong ones are slowed (429)."""

    current_password = PasswordField(required=False, help_text="Needed to delete your own account.")


class UserPage(PageSerializer):
    results = User(many=True)


class NewUser(User):
    password = PasswordField()


class Registration(NewUser):
    is_staff = serializers.BooleanField(read_only=True)
    is_active = serializers.BooleanField(read_only=True)


class PasswordChange(StrictSerializer):
    current_password = PasswordField()
    new_password = PasswordField()


class ResetRequest(StrictSerializer):
    account = serializers.CharField(max_length=254, help_text="A username or an e-mail address.")


class PasswordReset(StrictSerializer):
    """`user_id` and `token` are the two parts of the letter's link, which works once."""

    user_id = serializers.UUIDField()
    token = serializers.CharField(max_length=100)
    new_password = PasswordField()


class ResetLink(StrictSerializer):
    """The gateway's own question. Not public."""

    user_id = serializers.UUIDField()
    token = serializers.CharField(max_length=100)


class UserQuery(PageQuery):
    search = serializers.CharField(required=False, max_length=150)
    is_staff = serializers.BooleanField(required=False, allow_null=True, default=None)
    is_active = serializers.BooleanField(required=False, allow_null=True, default=None)


class Credentials(StrictSerializer):
    username = NormalizedField(max_length=150)
    password = PasswordField()


class Account(serializers.Serializer[Any]):
    """What the users service tells the gateway about an account. Not public."""

    id = serializers.UUIDField()
    username = serializers.CharField()
    is_staff = serializers.BooleanField()
    is_active = serializers.BooleanField()
    password_version = serializers.IntegerField()


class CredentialsVerdict(serializers.Serializer[Any]):
    """Not public either."""

    user = Account(allow_null=True)
