"""What a change to an account means for its sessions. The route table names these functions; see `after_success`."""

from collections.abc import Mapping
from typing import Any

import structlog
from rest_framework.request import Request

from common.upstream import UpstreamError
from gateway_project.schemas.users import Account
from gateway_project.upstreams.client import ask, upstream

from . import sessions
from .models import Session
from .tokens import user_of

log = structlog.get_logger(__name__)


def account_changed(request: Request, params: Mapping[str, Any], sent: Mapping[str, Any]) -> None:
    """End the sessions of an account that was deleted, or whose role staff have written."""
    user_id = params.get("user_id", user_of(request).pk)
    if request.method == "DELETE":
        sessions.revoke_user(user_id, "account deleted")
    elif user_id != user_of(request).pk and {"is_staff", "is_active"} & set(sent):
        sessions.revoke_user(user_id, "role changed")


def password_reset(request: Request, params: Mapping[str, Any], sent: Mapping[str, Any]) -> None:
    """End all sessions of the account whose link was used."""
    sessions.revoke_user(sent["user_id"], "password reset")


def password_changed(request: Request, params: Mapping[str, Any], sent: Mapping[str, Any]) -> None:
    """End all other sessions. This one gets the new password version, or its next refresh would end it too."""
    user_id, current = user_of(request).pk, user_of(request).session_id
    sessions.revoke_user(user_id, "password changed", except_for=current)
    try:
        lane = upstream("users", "accounts")
        account = ask(lane, "GET", f"/accounts/{user_id}/", Account, caller=user_id)
    except UpstreamError as error:
        log.warning("this sign-in will end at its next renewal", user_id=str(user_id), error=str(error))
        return
    if account is not None:
        Session.objects.filter(pk=current).update(password_version=account.password_version)
