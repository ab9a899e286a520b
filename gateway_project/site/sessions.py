"""`/sessions/`: where one is signed in, and an end to it."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.cache import never_cache
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from common.api.pagination import paginate
from common.api.serializers import PageQuery
from common.identifiers import parse_id
from gateway_project.auth import sessions
from gateway_project.auth.authentication import cookie_user
from gateway_project.auth.cookies import clear_tokens
from gateway_project.auth.models import Session
from gateway_project.auth.tokens import TokenUser

from .asking import as_problem
from .devices import device_name


@method_decorator(never_cache, "dispatch")
class SessionsPage(View):
    user: TokenUser

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = cookie_user(request)
        if user is None and request.method in {"GET", "HEAD", "POST"}:
            return redirect(f"{settings.LOGIN_URL}?next={request.path}")
        if user is not None:
            self.user = user
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        try:
            query = PageQuery.read(Request(request))
            page = paginate(sessions.sessions_of(self.user.pk), path=request.path, query=query, ordering="-created_at")
        except APIException as error:
            return as_problem(request, error)
        return render(
            request, "site/sessions.html", {"page": page, "sessions": [self._shown(each) for each in page.rows]}
        )

    def _shown(self, session: Session) -> dict[str, Any]:
        return {
            "id": session.pk,
            "name": device_name(session.device),
            "device": session.device,
            "address": session.address,
            "created_at": session.created_at,
            "last_used_at": session.last_used_at,
            "is_current": session.pk == self.user.session_id,
        }

    def post(self, request: HttpRequest) -> HttpResponse:
        own = sessions.sessions_of(self.user.pk)
        if request.POST.get("all"):
            sessions.revoke_user(self.user.pk, "signed out of all")
            messages.success(request, _("You are signed out everywhere."), fail_silently=True)
            return _signed_out()
        session_id = parse_id(request.POST.get("session", ""))
        if session_id is None or not sessions.revoke(own.filter(pk=session_id), "signed out"):
            raise Http404
        if session_id == self.user.session_id:
            return _signed_out()
        messages.success(request, _("That sign-in has ended."), fail_silently=True)
        return redirect("sessions")


def _signed_out() -> HttpResponse:
    response = redirect("login")
    clear_tokens(response)
    return response
