"""What the users service receives and answers."""

from django.contrib.auth.validators import UnicodeUsernameValidator
from rest_framework import serializers

from common.api.serializers import NormalizedField, PageQuery, PasswordField, StrictSerializer

from .models import User


class UserSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = (
            "id",
            "username",
            "email",
            "first_name",
            "last_name",
            "is_staff",
            "is_active",
            "date_joined",
        )
        read_only_fields = fields


class AccountSerializer(serializers.ModelSerializer[User]):
    """What the gateway needs to know about a user who signs in."""

    class Meta:
        model = User
        fields = ("id", "username", "is_staff", "is_active", "password_version")
        read_only_fields = fields


class ProfileInput(StrictSerializer, serializers.ModelSerializer[User]):
    """The fields that users may change on their own account."""

    username = NormalizedField(max_length=150, validators=[UnicodeUsernameValidator()])

    class Meta:
        model = User
        fields: tuple[str, ...] = ("username", "email", "first_name", "last_name")


class RoleInput(ProfileInput):
    """The same fields, and the two that only staff may change."""

    class Meta(ProfileInput.Meta):
        fields = (*ProfileInput.Meta.fields, "is_staff", "is_active")


class ChangeInput(RoleInput):
    """A change to an account. A new e-mail address of one's own needs the current password."""

    current_password = PasswordField(required=False)

    class Meta(RoleInput.Meta):
        fields = (*RoleInput.Meta.fields, "current_password")


class DeletionInput(StrictSerializer):
    """To delete one's own account needs the current password."""

    current_password = PasswordField(required=False)


class RegistrationInput(ProfileInput):
    password = PasswordField()

    class Meta(ProfileInput.Meta):
        fields = (*ProfileInput.Meta.fields, "password")


class NewUserInput(RoleInput):
    password = PasswordField()

    class Meta(RoleInput.Meta):
        fields = (*RoleInput.Meta.fields, "password")


class CredentialsInput(StrictSerializer):
    username = NormalizedField(max_length=150)
    password = PasswordField()


class CredentialsVerdict(serializers.Serializer[dict[str, User | None]]):
    user = AccountSerializer(allow_null=True)


class PasswordInput(StrictSerializer):
    current_password = PasswordField()
    new_password = PasswordField()


class ResetRequestInput(StrictSerializer):
    account = serializers.CharField(max_length=254)


class ResetLinkInput(StrictSerializer):
    user_id = serializers.UUIDField()
    token = serializers.CharField(max_length=100)


class ResetInput(ResetLinkInput):
    new_password = PasswordField()


class UserQuery(PageQuery):
    search = serializers.CharField(required=False, max_length=150)
    is_staff = serializers.BooleanField(required=False, allow_null=True, default=None)
    is_active = serializers.BooleanField(required=False, allow_null=True, default=None)
