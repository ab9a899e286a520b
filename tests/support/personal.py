"""Which models hold something about a person."""

from django.apps import apps
from django.db.models import Model

NAMES = {"user_id", "by", "username", "email"}


def personal_models() -> set[type[Model]]:
    """Of this project's own: those with a field of one of these names, and those that refer to one of them."""
    own = [model for model in apps.get_models() if "_project." in model.__module__]
    named = {model for model in own if NAMES & {field.attname for field in model._meta.concrete_fields}}
    referring = {model for model in own if named & {field.related_model for field in model._meta.concrete_fields}}
    return named | referring
