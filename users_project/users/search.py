"""Which accounts a query finds."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from common.listing import Listed, Listing
from common.search.find import Found, searched
from common.search.index import SearchIndex

from .models import User, UserEntry

INDEX = SearchIndex(UserEntry, ("username", "email", "first_name", "last_name"), gone="deleted_at")


def live_users() -> QuerySet[User]:
    return User.objects.filter(deleted_at=None)


def search_users(query: Mapping[str, Any]) -> QuerySet[User] | Found[User] | Listed[User]:
    """Accounts by `search` (each word in username, e-mail or name), `is_staff` and `is_active`; unordered."""
    if "search" not in query:
        return LISTING.of(query)
    by_age = not {"is_staff", "is_active"} & query.keys()
    return searched(filter_users(query), INDEX, query["search"], by_age=by_age)


def filter_users(query: Mapping[str, Any]) -> QuerySet[User]:
    """Accounts by `is_staff` and `is_active`. Staff are few, so who asks for them reads their index, and no other."""
    users = live_users()
    if "is_staff" in query:
        users = users.filter(is_staff=query["is_staff"])
    if "is_active" in query:
        is_active = query["is_active"]
        users = users.filter(is_active__in=[is_active]) if query.get("is_staff") else users.filter(is_active=is_active)
    return users


LISTING = Listing(filter_users)
