"""The users service over HTTP. Self or staff: the token says for whom the gateway asks."""

from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.identity import StaffOnly, caller_of
from common.pagination import paginate

from . import services
from .models import User
from .serializers import (
    AccountSerializer,
    CredentialsInput,
    CredentialsVerdict,
    NewUserInput,
    PasswordInput,
    RegistrationInput,
    RoleInput,
    UserPage,
    UserQuery,
    UserSerializer,
)


class AccountsView(APIView):
    callers = ("gateway",)

    def handle_exception(self, exc: Exception) -> Response:
        return super().handle_exception(Http404() if isinstance(exc, User.DoesNotExist) else exc)


class UserListView(AccountsView):
    permission_classes = (StaffOnly,)

    @extend_schema(operation_id="users_list", parameters=[UserQuery], responses=UserPage)
    def get(self, request: Request) -> Response:
        query = UserQuery.read(request)
        users = services.search_users(
            search=query.get("search", ""), is_staff=query.get("is_staff"), is_active=query.get("is_active")
        )
        page = paginate(users, path=request.path, query=query, ordering="-date_joined")
        return Response(UserPage({"next": page.next, "previous": page.previous, "results": page.rows}).data)

    @extend_schema(request=NewUserInput, responses={201: UserSerializer})
    def post(self, request: Request) -> Response:
        data = NewUserInput(data=request.data)
        data.is_valid(raise_exception=True)
        return Response(UserSerializer(services.register_user(**data.validated_data)).data, status=201)


class RegistrationView(AccountsView):
    @extend_schema(request=RegistrationInput, responses={201: UserSerializer})
    def post(self, request: Request) -> Response:
        data = RegistrationInput(data=request.data)
        data.is_valid(raise_exception=True)
        return Response(UserSerializer(services.register_user(**data.validated_data)).data, status=201)


class UserView(AccountsView):
    """One account, for itself and for staff; for anyone else it does not exist. Without an id, one's own."""

    @extend_schema(responses=UserSerializer)
    def get(self, request: Request, user_id: UUID | None = None) -> Response:
        return Response(UserSerializer(self._visible(request, user_id)).data)

    @extend_schema(request=RoleInput, responses=UserSerializer)
    def put(self, request: Request, user_id: UUID | None = None) -> Response:
        return self._update(request, user_id, partial=False)

    @extend_schema(request=RoleInput, responses=UserSerializer)
    def patch(self, request: Request, user_id: UUID | None = None) -> Response:
        return self._update(request, user_id, partial=True)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, user_id: UUID | None = None) -> Response:
        services.delete_user(user_id=self._visible(request, user_id).pk)
        return Response(status=204)

    def _update(self, request: Request, user_id: UUID | None, *, partial: bool) -> Response:
        user = self._visible(request, user_id)
        data = RoleInput(user, data=request.data, partial=partial)
        data.is_valid(raise_exception=True)
        user = services.update_user(user_id=user.pk, by=caller_of(request), changes=data.validated_data)
        return Response(UserSerializer(user).data)

    def _visible(self, request: Request, user_id: UUID | None) -> User:
        caller = caller_of(request)
        user_id = user_id or caller.user_id
        user = services.live_users().filter(pk=user_id).first() if user_id else None
        if user is None or not (caller.is_staff or caller.user_id == user_id):
            raise Http404
        return user


class PasswordView(AccountsView):
    """POST /users/me/password/"""

    @extend_schema(request=PasswordInput, responses={204: None})
    def post(self, request: Request) -> Response:
        data = PasswordInput(data=request.data)
        data.is_valid(raise_exception=True)
        user_id = caller_of(request).user_id
        if user_id is None:
            raise Http404
        services.change_password(user_id=user_id, **data.validated_data)
        return Response(status=204)


class CredentialsView(AccountsView):
    """POST /credentials/: whose they are, or null; 200 either way, so that a 401 always means the internal token."""

    @extend_schema(request=CredentialsInput, responses=CredentialsVerdict)
    def post(self, request: Request) -> Response:
        data = CredentialsInput(data=request.data)
        data.is_valid(raise_exception=True)
        return Response(CredentialsVerdict({"user": services.verify_credentials(**data.validated_data)}).data)


class AccountView(AccountsView):
    """GET /accounts/{id}/: what the gateway re-reads before it renews a session."""

    @extend_schema(responses=AccountSerializer)
    def get(self, request: Request, user_id: UUID) -> Response:
        user = services.live_users().filter(pk=user_id).first()
        if user is None:
            raise Http404
        return Response(AccountSerializer(user).data)
