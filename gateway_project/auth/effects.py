"""What a change to an account means for its sign-ins; named in the route table, run after the service agreed."""

from collections.abc import Mapping
from typing import Any

import structlog
from rest_framework.request import Request

from common.upstream import UpstreamError
from gateway_project.routing.upstreams import ask
from gateway_project.schemas.users import Account

from . import sessions
from .models import Session
from .tokens import user_of

log = structlog.get_logger(__name__)


def account_changed(request: Request, params: Mapping[str, Any], sent: Mapping[str, Any]) -> None:
    """A deleted account, or one whose role was written, signs in anew."""
    user_id = params.get("user_id", user_of(request).user_id)
    if request.method == "DELETE":
        sessions.revoke_user(user_id, "account deleted")
    elif user_id != user_of(request).user_id and {"is_staff", "is_active"} & set(sent):
        sessions.revoke_user(user_id, "role changed")


def password_changed(request: Request, params: Mapping[str, Any], sent: Mapping[str, Any]) -> None:
    """All other sign-ins end. This one learns the new version, or its next renewal would end it too."""
    user_id, current = user_of(request).user_id, user_of(request).session_id
    sessions.revoke_user(user_id, "password changed", except_for=current)
    try:
        account = ask("users", "GET", f"/accounts/{user_id}/", Account)
    except UpstreamError as error:
        log.warning("this sign-in will end at its next renewal", user_id=str(user_id), error=str(error))
        return
    if account is not None:
        Session.objects.filter(pk=current).update(password_version=account.password_version)
