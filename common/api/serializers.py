"""Serializers that refuse unknown fields, and the query parameters that every list has."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import islice
from typing import Any

from django.core.validators import MaxLengthValidator
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.utils import html

from common.api.pagination import MAX_PAGE_SIZE
from common.api.pointers import MAX_ERRORS
from common.unicode import normal_form

# The JSON type that each field accepts, and the message for any other type. Without this check, DRF's fields would read
# "5" as 5, 5 as "5", "no" as false, and false as a UUID. A decimal may be a string or a number.
TYPES: Mapping[type[serializers.Field[Any, Any, Any, Any]], type] = {
    serializers.BooleanField: bool,
    serializers.IntegerField: int,
    serializers.CharField: str,
    serializers.ChoiceField: str,
    serializers.DateTimeField: str,
    serializers.UUIDField: str,
}
LOST_PLUS = re.compile(r"(\d\d:\d\d(?::\d\d(?:\.\d+)?)?) (\d\d:\d\d)\Z")
REFUSALS: Mapping[type, Any] = {
    bool: serializers.BooleanField.default_error_messages["invalid"],
    int: serializers.IntegerField.default_error_messages["invalid"],
    str: serializers.CharField.default_error_messages["invalid"],
}


class AmountField(serializers.DecimalField):
    """A decimal that is never a negative zero, which is no more than another way to write 0."""

    def to_internal_value(self, data: Any) -> Decimal:
        return super().to_internal_value(data) + 0


class NormalizedField(serializers.CharField):
    """A name. All who come after this field, its validators among them, see its normal form."""

    def to_internal_value(self, data: Any) -> str:
        return normal_form(super().to_internal_value(data)).strip()


class PasswordLength(MaxLengthValidator):
    """A password is not longer than in its normal form. One that grows by it may be older than this rule."""

    def clean(self, x: Any) -> int:
        return min(len(x), len(normal_form(x)))


class PasswordField(serializers.CharField):
    """A password as it was typed: accounts know both its normal form and, for hashes that are older, this one."""

    def __init__(self, **options: Any) -> None:
        options = {"write_only": True, "trim_whitespace": False, "style": {"input_type": "password"}, **options}
        super().__init__(**options, validators=[PasswordLength(128)])


@cache
def shared(kind: type[serializers.Serializer[Any]], *, partial: bool = False) -> serializers.Serializer[Any]:
    """One for all requests, since to make one copies all its fields. Only call what changes nothing of it."""
    return kind(partial=partial)


class MomentField(serializers.DateTimeField):
    """A time in a query. There a "+" that isn't encoded is a blank, so `12:00:00 02:00` is `12:00:00+02:00`."""

    def to_internal_value(self, value: Any) -> datetime:
        if isinstance(value, str):
            value = LOST_PLUS.sub(r"\1+\2", value)
        moment: datetime = super().to_internal_value(value)
        return moment


class StrictSerializer(serializers.Serializer[Any]):
    """Unknown fields and, in JSON, wrong types are errors, each at its own pointer."""

    @classmethod
    def read(cls, data: Any, *, partial: bool = False) -> dict[str, Any]:
        """The validated `data`.

        Raises:
            ValidationError
        """
        try:
            return dict(shared(cls, partial=partial).run_validation(data))
        except ValidationError:
            cls(data=data, partial=partial).is_valid(raise_exception=True)  # words it as DRF does
            raise

    def to_internal_value(self, data: Any) -> Any:
        refused = self._refused(data) if isinstance(data, Mapping) else ()
        errors = dict(islice(refused, MAX_ERRORS + 1))  # no more of them are listed
        try:
            values = super().to_internal_value(data)
        except ValidationError as error:
            if not isinstance(error.detail, dict):
                raise
            raise ValidationError({**error.detail, **errors}) from error
        if errors:
            raise ValidationError(errors)
        return values

    def _refused(self, data: Mapping[str, Any]) -> Iterator[tuple[str, list[ErrorDetail]]]:
        is_form = html.is_html_input(data)
        for name in data:
            # In a form, a list's field looks like this: items[0]quantity
            field = self.fields.get(name.partition("[")[0] if is_form else name)
            if field is None and not (is_form and name.startswith(("_", "csrfmiddlewaretoken"))):  # a page's own
                yield str(name), [ErrorDetail(str(_("There is no such field here. Leave it out.")), code="unknown")]
            elif field is not None and field.read_only:
                yield name, [ErrorDetail(str(_("This field cannot be written. Leave it out.")), code="read-only")]
            elif not is_form and (wanted := _unmet_type(field, data[name])):
                yield name, [ErrorDetail(str(REFUSALS[wanted]), code="invalid")]


def _unmet_type(field: Any, value: Any) -> type | None:
    """The type that `field` accepts, if `value` has another one. The field itself checks null; 5.0 is an integer."""
    wanted = next((TYPES[kind] for kind in type(field).__mro__ if kind in TYPES), None)
    if wanted is None or value is None or type(value) is wanted:
        return None
    return None if wanted is int and isinstance(value, float) and value.is_integer() else wanted


class QuerySerializer(serializers.Serializer[Any]):
    """Query parameters. Unknown and repeated ones are 400. An empty value counts as absent."""

    @classmethod
    def read(cls, request: Request) -> dict[str, Any]:
        """The validated parameters of `request`, without the absent ones that have no default."""
        given: QueryDict = request.query_params
        serializer = shared(cls)
        known = {*serializer.fields, "format"}
        errors: dict[str, Any] = {}
        for name, values in given.lists():
            if name not in known:
                errors[f"?{name}"] = [
                    ErrorDetail(str(_("There is no such query parameter here. Leave it out.")), code="unknown")
                ]
            elif len(values) > 1:
                errors[f"?{name}"] = [ErrorDetail(str(_("Given more than once. Give it once.")), code="repeated")]
        try:
            read = serializer.run_validation({n: value for n, value in given.items() if value != "" and n in known})
        except ValidationError as error:
            details: Any = error.detail
            # An error about several parameters together belongs to none of them.
            errors |= {f"?{name}" if name in known else name: detail for name, detail in details.items()}
        if errors:
            raise ValidationError(errors)
        return {name: value for name, value in read.items() if value is not None}


class PageQuery(QuerySerializer):
    # Only the characters of a signature. Others become longer in a URL, and the request line would become too long.
    cursor = serializers.RegexField(
        r"^[A-Za-z0-9_.:-]+\Z",
        required=False,
        max_length=2000,
        error_messages={"invalid": _("This cursor is not one of ours.")},
    )
    page_size = serializers.IntegerField(required=False, min_value=1, max_value=MAX_PAGE_SIZE)


class PageSerializer(serializers.Serializer[Any]):
    """The envelope of a list; a subclass adds `results`."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
