"""What the users service reads and writes."""

from rest_framework import serializers

from common.serializers import PageQuery, PageSerializer, StrictSerializer

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


class UserPage(PageSerializer):
    results = UserSerializer(many=True)


class AccountSerializer(serializers.ModelSerializer[User]):
    """What the gateway needs to know of whom it signs in."""

    class Meta:
        model = User
        fields = ("id", "username", "is_staff", "is_active", "password_version")
        read_only_fields = fields


class ProfileInput(StrictSerializer, serializers.ModelSerializer[User]):
    """The fields that people change of themselves."""

    class Meta:
        model = User
        fields: tuple[str, ...] = ("username", "email", "first_name", "last_name")


class RoleInput(ProfileInput):
    """The same, and the two that only staff write."""

    class Meta(ProfileInput.Meta):
        fields = (*ProfileInput.Meta.fields, "is_staff", "is_active")


class RegistrationInput(ProfileInput):
    password = serializers.CharField(max_length=128, trim_whitespace=False, write_only=True)

    class Meta(ProfileInput.Meta):
        fields = (*ProfileInput.Meta.fields, "password")


class NewUserInput(RoleInput):
    password = serializers.CharField(max_length=128, trim_whitespace=False, write_only=True)

    class Meta(RoleInput.Meta):
        fields = (*RoleInput.Meta.fields, "password")


class CredentialsInput(StrictSerializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=128, trim_whitespace=False)


class CredentialsVerdict(serializers.Serializer[dict[str, User | None]]):
    user = AccountSerializer(allow_null=True)


class PasswordInput(StrictSerializer):
    current_password = serializers.CharField(max_length=128, trim_whitespace=False)
    new_password = serializers.CharField(max_length=128, trim_whitespace=False)


class UserQuery(PageQuery):
    search = serializers.CharField(required=False, max_length=150)
    is_staff = serializers.BooleanField(required=False, allow_null=True, default=None)
    is_active = serializers.BooleanField(required=False, allow_null=True, default=None)
