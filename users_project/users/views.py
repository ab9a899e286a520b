"""The users service over HTTP. The internal token names the user on whose behalf the gateway asks."""

from typing import Any

from django.conf import settings
from django.http import Http404
from django.utils.translation import get_language
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.generics import RetrieveAPIView, RetrieveUpdateDestroyAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.api.answers import respond_with
from common.api.views import AnsweringView, KeysetListView
from common.identity import StaffOnly, caller_of

from . import resets, services
from .models import User
from .postman import postman
from .search import search_users
from .serializers import (
    AccountSerializer,
    ChangeInput,
    CredentialsInput,
    CredentialsVerdict,
    DeletionInput,
    NewUserInput,
    PasswordInput,
    RegistrationInput,
    ResetInput,
    ResetLinkInput,
    ResetRequestInput,
    UserQuery,
    UserSerializer,
)

GATEWAY = ("gateway",)


class UserListView(KeysetListView):
    callers = GATEWAY
    permission_classes = (StaffOnly,)
    serializer_class = UserSerializer
    query_serializer_class = UserQuery
    ordering = "-date_joined"

    def get_queryset(self) -> Any:
        return search_users(self.query)

    @extend_schema(request=NewUserInput, responses={201: UserSerializer})
    def post(self, request: Request) -> Response:
        data = NewUserInput.read(request.data)
        return _created(services.register_user(**data))


class RegistrationView(APIView):
    callers = GATEWAY

    @extend_schema(request=RegistrationInput, responses={201: UserSerializer})
    def post(self, request: Request) -> Response:
        data = RegistrationInput.read(request.data)
        return _created(services.register_user(**data))


@extend_schema_view(put=extend_schema(request=ChangeInput), patch=extend_schema(request=ChangeInput))
class UserView(AnsweringView, RetrieveUpdateDestroyAPIView[User]):
    """One account, for its user and for staff. For anyone else it doesn't exist. Without an id: the user's own."""

    callers = GATEWAY
    serializer_class = UserSerializer
    delete_serializer_class = DeletionInput

    def get_object(self) -> User:
        caller = caller_of(self.request)
        user_id = self.kwargs.get("user_id", caller.user_id)
        if not (caller.is_staff or caller.user_id == user_id):
            raise Http404
        return services.find_user(user_id)

    def update(self, request: Request, *args: Any, partial: bool = False, **kwargs: Any) -> Response:
        user = self.get_object()
        data = ChangeInput(user, data=request.data, partial=partial)
        data.is_valid(raise_exception=True)
        changes = dict(data.validated_data)
        current_password = changes.pop("current_password", None)
        caller = caller_of(request)
        user = services.update_user(user_id=user.pk, by=caller, changes=changes, current_password=current_password)
        return respond_with(UserSerializer, user)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        user = self.get_object()
        data = DeletionInput.read(request.data)
        services.delete_user(user_id=user.pk, by=caller_of(request), **data)
        return Response(status=204)


class PasswordView(APIView):
    """Changes the user's own password."""

    callers = GATEWAY

    @extend_schema(request=PasswordInput, responses={204: None})
    def post(self, request: Request) -> Response:
        data = PasswordInput.read(request.data)
        services.change_password(user_id=caller_of(request).user_id, **data)
        return Response(status=204)


class CredentialsView(APIView):
    """Checks a username and a password. The answer is 200 in both cases: a 401 always means the internal token."""

    callers = GATEWAY

    @extend_schema(request=CredentialsInput, responses=CredentialsVerdict)
    def post(self, request: Request) -> Response:
        data = CredentialsInput.read(request.data)
        return respond_with(CredentialsVerdict, {"user": services.verify_credentials(**data)})


class ResetRequestView(APIView):
    """The answer is the same, after the same work, whether there is such an account or not."""

    callers = GATEWAY

    @extend_schema(request=ResetRequestInput, responses={204: None})
    def post(self, request: Request) -> Response:
        data = ResetRequestInput.read(request.data)
        resets.request_reset(account=data["account"], language=get_language() or settings.LANGUAGE_CODE)
        postman.wake()
        return Response(status=204)


class ResetLinkView(APIView):
    """Whose password a link may set. The link is not used up."""

    callers = GATEWAY

    @extend_schema(request=ResetLinkInput, responses=CredentialsVerdict)
    def post(self, request: Request) -> Response:
        data = ResetLinkInput.read(request.data)
        return respond_with(CredentialsVerdict, {"user": resets.find_holder(**data)})


class ResetView(APIView):
    """Sets a new password by the link of a letter."""

    callers = GATEWAY

    @extend_schema(request=ResetInput, responses={204: None})
    def post(self, request: Request) -> Response:
        data = ResetInput.read(request.data)
        resets.reset_password(**data)
        return Response(status=204)


class AccountView(AnsweringView, RetrieveAPIView[User]):
    """What the gateway reads again before it renews a session."""

    callers = GATEWAY
    serializer_class = AccountSerializer

    def get_object(self) -> User:
        return services.find_user(self.kwargs["user_id"])


def _created(user: User) -> Response:
    return respond_with(UserSerializer, user, status=201, headers={"Location": f"/users/{user.pk}/"})
