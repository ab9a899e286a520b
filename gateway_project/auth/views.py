"""Signing in and out for programs, with tokens."""

from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.api.pagination import paginate
from common.api.serializers import PageQuery
from common.upstream import Unreachable
from gateway_project.schemas import sessions as schemas
from gateway_project.schemas.users import Credentials
from gateway_project.upstreams.problems import problem_response

from . import sessions
from .authentication import verify_access
from .permissions import AllowAny
from .throttles import SignInRequestThrottle
from .tokens import user_of


class CredentialsInBody(BaseAuthentication):
    """The body says who asks. An Authorization header, perhaps an expired one, signs nobody in; see `devices`."""

    def authenticate(self, request: Request) -> None:
        return None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="plaza"'


class OpenView(APIView):
    authentication_classes = (CredentialsInBody,)
    permission_classes = (AllowAny,)
    throttle_classes = (SignInRequestThrottle,)


class TokenView(OpenView):
    """Sign in: an access token for 5 minutes, a refresh token for 7 days.

    A program that has signed in before should send its last access token, expired or not, as `Authorization: Bearer`.
    It proves that it is no stranger, so others who guess the password can't keep it out.
    """

    asks_a_service = True

    @extend_schema(request=Credentials, responses=schemas.TokenPair)
    def post(self, request: Request) -> Response:
        data = Credentials.read(request.data)
        pair = sessions.sign_in(request._request, **data)
        return Response({"access": pair.access, "refresh": pair.refresh})


class RefreshView(OpenView):
    """The next pair of tokens; the refresh token that is sent works only this once."""

    asks_a_service = True

    @extend_schema(request=schemas.RefreshInput, responses=schemas.TokenPair)
    def post(self, request: Request) -> Response:
        data = schemas.RefreshInput.read(request.data)
        try:
            pair = sessions.renew(data["refresh"])
        except Unreachable as error:  # the token still works: the client may ask again
            return problem_response(error, request, status=503)
        return Response({"access": pair.access, "refresh": pair.refresh})


class VerifyView(OpenView):
    """200 while an access token is good, else 401."""

    @extend_schema(request=schemas.TokenInput, responses={200: None})
    def post(self, request: Request) -> Response:
        data = schemas.TokenInput.read(request.data)
        verify_access(data["token"])
        return Response({})


class LogoutView(OpenView):
    """End the sign-in that a refresh token belongs to."""

    @extend_schema(request=schemas.RefreshInput, responses={204: None})
    def post(self, request: Request) -> Response:
        data = schemas.RefreshInput.read(request.data)
        sessions.sign_out(data["refresh"])
        return Response(status=204)


class SessionListView(APIView):
    """One's own sign-ins, newest first. DELETE signs out everywhere."""

    @extend_schema(parameters=[PageQuery], responses=schemas.SessionPage)
    def get(self, request: Request) -> Response:
        own, query = sessions.sessions_of(user_of(request).pk), PageQuery.read(request)
        page = paginate(own, path=request.path, query=query, ordering="-created_at")
        rows = schemas.Session(page.rows, many=True, context={"current": user_of(request).session_id}).data
        return Response({"next": page.next, "previous": page.previous, "results": rows})

    @extend_schema(responses={204: None})
    def delete(self, request: Request) -> Response:
        sessions.revoke_user(user_of(request).pk, "signed out of all")
        return Response(status=204)


class SessionView(APIView):
    """One of one's own sign-ins. DELETE ends it."""

    @extend_schema(responses={204: None})
    def delete(self, request: Request, session_id: UUID) -> Response:
        own = sessions.sessions_of(user_of(request).pk).filter(pk=session_id)
        if not sessions.revoke(own, "signed out"):
            raise Http404
        return Response(status=204)
