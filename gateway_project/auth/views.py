"""Signing in and out: for programs with tokens, for people with pages."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import View
from django.views.decorators.cache import never_cache
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.exceptions import TokenError

from common.errors import problem_response
from common.upstream import Unreachable, UpstreamError
from gateway_project.routing.problems import problem_of
from gateway_project.routing.throttles import SignInThrottle, client_address
from gateway_project.schemas import sessions as schemas
from gateway_project.schemas.users import Credentials

from . import sessions
from .authentication import REFRESH_COOKIE, cookie_user
from .cookies import clear_tokens, set_tokens
from .permissions import Open
from .revocation import revocations
from .tokens import TokenPair, read_access, user_of

INVALID_CREDENTIALS = "No active account has this username and password."


class ByBody(BaseAuthentication):
    """These views are told who asks by what is posted; an old Authorization header does not matter."""

    def authenticate(self, request: Request) -> None:
        return None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="plaza"'


class TokenView(APIView):
    """Sign in: an access token for 5 minutes, a refresh token for 7 days."""

    authentication_classes = (ByBody,)
    permission_classes = (Open,)
    asks_a_service = True

    @extend_schema(request=Credentials, responses=schemas.TokenPair)
    def post(self, request: Request) -> Response:
        data = Credentials(data=request.data)
        data.is_valid(raise_exception=True)
        pair = sign_in(request._request, **data.validated_data)
        if pair is None:
            raise AuthenticationFailed(INVALID_CREDENTIALS, "invalid-credentials")
        return Response({"access": pair.access, "refresh": pair.refresh})


class RefreshView(APIView):
    """The next pair of tokens; the refresh token that is sent works only this once."""

    authentication_classes = (ByBody,)
    permission_classes = (Open,)
    asks_a_service = True

    @extend_schema(request=schemas.RefreshInput, responses=schemas.TokenPair)
    def post(self, request: Request) -> Response:
        data = schemas.RefreshInput(data=request.data)
        data.is_valid(raise_exception=True)
        try:
            pair = sessions.renew(data.validated_data["refresh"])
        except sessions.SessionEnded as error:
            raise AuthenticationFailed("This refresh token is not valid any more.", "session-ended") from error
        except Unreachable as error:  # the sign-in is as it was, and asking again will do
            problem = problem_of(error)
            problem.status_code, problem.headers = 503, {**problem.headers, "Retry-After": "1"}
            raise problem from error
        return Response({"access": pair.access, "refresh": pair.refresh})


class VerifyView(APIView):
    """200 while an access token is good, else 401."""

    authentication_classes = (ByBody,)
    permission_classes = (Open,)

    @extend_schema(request=schemas.TokenInput, responses={200: None})
    def post(self, request: Request) -> Response:
        data = schemas.TokenInput(data=request.data)
        data.is_valid(raise_exception=True)
        try:
            user = read_access(data.validated_data["token"])
        except TokenError as error:
            raise AuthenticationFailed("The token is not valid, or is over.", "invalid-token") from error
        if revocations.is_revoked(user.session_id):
            raise AuthenticationFailed("This sign-in has ended.", "session-ended")
        return Response({})


class LogoutView(APIView):
    """End the sign-in that a refresh token belongs to."""

    authentication_classes = (ByBody,)
    permission_classes = (Open,)

    @extend_schema(request=schemas.RefreshInput, responses={204: None})
    def post(self, request: Request) -> Response:
        data = schemas.RefreshInput(data=request.data)
        data.is_valid(raise_exception=True)
        try:
            sessions.sign_out(data.validated_data["refresh"])
        except sessions.SessionEnded as error:
            raise AuthenticationFailed("This refresh token is not one of ours.", "invalid-token") from error
        return Response(status=204)


class SessionListView(APIView):
    """One's own sign-ins, newest first. DELETE signs out everywhere."""

    @extend_schema(operation_id="auth_sessions_list", responses=schemas.Session(many=True))
    def get(self, request: Request) -> Response:
        own = sessions.sessions_of(user_of(request).user_id)
        data = schemas.Session(own, many=True, context={"current": user_of(request).session_id}).data
        return Response(data)

    @extend_schema(operation_id="auth_sessions_destroy_all", responses={204: None})
    def delete(self, request: Request) -> Response:
        sessions.revoke_user(user_of(request).user_id, "signed out of all")
        return Response(status=204)


class SessionView(APIView):
    """One of one's own sign-ins. DELETE ends it."""

    @extend_schema(responses={204: None})
    def delete(self, request: Request, session_id: UUID) -> Response:
        own = sessions.sessions_of(user_of(request).user_id).filter(pk=session_id)
        if not sessions.revoke(own, "signed out"):
            raise Http404
        return Response(status=204)


@method_decorator(never_cache, "dispatch")
class LoginPage(View):
    """The sign-in page; the one place that sets cookies, under CSRF like every form of ours."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        data = Credentials(data={name: request.POST.get(name, "") for name in ("username", "password")})
        if not data.is_valid():  # nobody's, and no question for the users service
            return self._page(request, INVALID_CREDENTIALS, 401)
        try:
            pair = sign_in(request, **data.validated_data)
        except Throttled:
            return self._page(request, "Too many attempts. Try again in a minute.", 429)
        except UpstreamError as error:
            return self._page(
                request, "Nobody can sign in at the moment. Try again soon.", problem_of(error).status_code
            )
        if pair is None:
            return self._page(request, INVALID_CREDENTIALS, 401)
        response = redirect(_next_page(request))
        set_tokens(response, pair)
        return response

    def _page(self, request: HttpRequest, error: str = "", status: int = 200) -> HttpResponse:
        context = {"error": error, "next": _next_page(request), "username": request.POST.get("username", "")}
        return render(request, "auth/login.html", context, status=status)


@method_decorator(never_cache, "dispatch")
class LogoutPage(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        user = cookie_user(request)
        return render(request, "auth/logout.html", {"user": user}) if user else redirect("login")

    def post(self, request: HttpRequest) -> HttpResponse:
        user = cookie_user(request)
        if user is not None:
            sessions.revoke(sessions.open_sessions().filter(pk=user.session_id), "signed out")
        elif refresh := request.COOKIES.get(REFRESH_COOKIE):
            _sign_out_quietly(refresh)
        response = redirect("login")
        clear_tokens(response)
        return response


def sign_in(request: HttpRequest, *, username: str, password: str) -> TokenPair | None:
    """Raises `Throttled` or `UpstreamError`."""
    address = client_address(request)
    SignInThrottle.count(address, username)
    device = request.headers.get("User-Agent", "")
    pair = sessions.sign_in(username=username, password=password, device=device, address=address)
    if pair is None:
        SignInThrottle.failed(username)
    else:
        SignInThrottle.succeeded(username)
    return pair


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """`CSRF_FAILURE_VIEW`."""
    detail = "The form is too old, or came from another site. Go back, reload it and try again."
    return problem_response(request, 403, "csrf-failed", detail)


def _sign_out_quietly(refresh: str) -> None:
    try:
        sessions.sign_out(refresh)
    except sessions.SessionEnded:
        pass


def _next_page(request: HttpRequest) -> str:
    """Where to go after signing in: a path of this site, whatever the link says."""
    wanted = request.POST.get("next") or request.GET.get("next") or "/api/"
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and wanted.startswith("/")
    return wanted if is_ours else "/api/"
