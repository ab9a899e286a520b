"""One value of an answer as HTML. Whatever a field holds, `format_html` escapes it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.html import format_html, format_html_join, linebreaks
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from gateway_project.auth.tokens import TokenUser

from .labels import REASONS, STATUS_TONES, STATUSES

Html = SafeString | str
MONEY = frozenset({"price", "unit_price", "line_total", "total"})
NOTHING = mark_safe('<span class="soft">–</span>')


class Values:
    """How this `person` sees the fields of things. `categories` are names by slug."""

    def __init__(self, person: TokenUser | None, categories: Mapping[str, str]) -> None:
        self.person = person
        self.categories = categories

    def show(self, name: str, row: Mapping[str, Any]) -> Html:
        value = row.get(name)
        if special := getattr(self, f"_{name}", None):
            return special(value, row)  # type: ignore[no-any-return]
        if name in MONEY:
            return money(value, row.get("currency"))
        if value is None or value == "":
            return NOTHING
        if isinstance(value, bool):
            return _("yes") if value else _("no")
        if name.endswith("_at") or name in ("at", "date_joined"):
            return moment(value)
        return str(value)

    def _id(self, value: Any, row: Any) -> Html:
        return copyable(str(value))

    def _delta(self, value: int, row: Any) -> Html:
        return f"{value:+d}".replace("-", "−")

    def _stock(self, value: int, row: Any) -> Html:
        if value == 0:
            return format_html('<span class="badge warn">{}</span>', _("sold out"))
        return number_format(value, use_l10n=True, force_grouping=False)

    def _description(self, value: str, row: Any) -> Html:
        return mark_safe(linebreaks(value, autoescape=True)) if value else NOTHING  # noqa: S308 - escaped in there

    _note = _shipping_address = _description

    def _status(self, value: str, row: Any) -> Html:
        return badge(value)

    def _reason(self, value: Any, row: Any) -> Html:
        return str(REASONS.get(value, value)) if value else NOTHING

    def _category(self, value: str, row: Any) -> Html:
        path = reverse("categories-slug", kwargs={"slug": value})
        return link(path, self.categories.get(value, value))

    def _user_id(self, value: str, row: Any) -> Html:
        person = self.person
        if person and str(person.pk) == value:
            return link(reverse("users-me"), _("you"))
        if person and person.is_staff:
            return link(reverse("users-user_id", kwargs={"user_id": value}), value[-8:], title=value)
        return value[-8:]

    def _by(self, value: str | None, row: Any) -> Html:
        return self._user_id(value, row) if value else _("Plaza")

    def _items(self, value: list[Mapping[str, Any]], row: Any) -> Html:
        names = [f"{item['quantity']} × {item['name'] or item['product_id'][-8:]}" for item in value]
        more = len(names) - 3
        return ", ".join(names[:3]) + (f" + {more}" if more > 0 else "")

    def _product_id(self, value: str, row: Mapping[str, Any]) -> Html:
        path = reverse("products-product_id", kwargs={"product_id": value})
        return link(path, row.get("name") or value[-8:])


def link(path: str, text: Any, title: str = "") -> SafeString:
    if title:
        return format_html('<a href="{}" title="{}">{}</a>', path, title, text)
    return format_html('<a href="{}">{}</a>', path, text)


def badge(status: str) -> SafeString:
    tone = STATUS_TONES.get(status, "")
    return format_html('<span class="badge {}">{}</span>', tone, STATUSES.get(status, status))


def copyable(text: str) -> SafeString:
    copy, done = _("Copy"), _("Copied")
    return format_html(
        '<span class="id"><code>{0}</code>'
        '<button type="button" class="copy" data-copy="{0}" data-done="{2}" hidden>{1}</button></span>',
        text,
        copy,
        done,
    )


def money(amount: str | None, currency: str | None) -> Html:
    if amount is None:
        return NOTHING
    return format_html("{}&nbsp;{}", number_format(amount, use_l10n=True, force_grouping=False), currency or "")


def moment(value: str) -> Html:
    """A time that people read, with the exact one beside it."""
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return value
    shown = f"{date_format(at, 'DATE_FORMAT')}, {at:%H:%M}"
    return format_html('<time datetime="{0}" title="{0}">{1} UTC</time>', value, shown)


def joined(parts: list[Html]) -> SafeString:
    return format_html_join(", ", "{}", ((part,) for part in parts))
