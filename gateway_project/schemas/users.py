"""Accounts."""

from typing import Any

from django.contrib.auth.validators import UnicodeUsernameValidator
from rest_framework import serializers

from common.serializers import PageQuery, StrictSerializer


def password_field() -> serializers.CharField:
    return serializers.CharField(
        write_only=True, max_length=128, trim_whitespace=False, style={"input_type": "password"}
    )


class User(StrictSerializer):
    id = serializers.UUIDField(read_only=True)
    username = serializers.CharField(max_length=150, validators=[UnicodeUsernameValidator()])
    email = serializers.EmailField(max_length=254)
    first_name = serializers.CharField(max_length=150, required=False, allow_blank=True)
    last_name = serializers.CharField(max_length=150, required=False, allow_blank=True)
    is_staff = serializers.BooleanField(required=False)
    is_active = serializers.BooleanField(required=False, initial=True)
    date_joined = serializers.DateTimeField(read_only=True)


class NewUser(User):
    password = password_field()


class Registration(NewUser):
    is_staff = serializers.BooleanField(read_only=True)
    is_active = serializers.BooleanField(read_only=True)


class PasswordChange(StrictSerializer):
    current_password = password_field()
    new_password = password_field()


class UserQuery(PageQuery):
    search = serializers.CharField(required=False, max_length=150)
    is_staff = serializers.BooleanField(required=False, allow_null=True, default=None)
    is_active = serializers.BooleanField(required=False, allow_null=True, default=None)


class Credentials(StrictSerializer):
    username = serializers.CharField(max_length=150)
    password = password_field()


class Account(serializers.Serializer[Any]):
    """What the users service tells the gateway of whom it signs in. Not public."""

    id = serializers.UUIDField()
    username = serializers.CharField()
    is_staff = serializers.BooleanField()
    is_active = serializers.BooleanField()
    password_version = serializers.IntegerField()


class CredentialsVerdict(serializers.Serializer[Any]):
    """Not public either."""

    user = Account(allow_null=True)
