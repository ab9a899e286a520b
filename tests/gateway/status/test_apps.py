"""A process tells the others of itself from its first request on, if there is a place to tell it."""

from typing import Any

import pytest
from django.apps import apps
from django.core.signals import request_started

from gateway_project.status.publisher import publisher


@pytest.mark.parametrize(("url", "expected"), [("redis://127.0.0.1:1/0", True), ("", False)])
def test_requests_begin_the_publisher_only_where_redis_is(url: str, expected: bool, settings: Any) -> None:
    settings.REDIS_URL = url
    apps.get_app_config("gateway_status").ready()
    assert request_started.disconnect(publisher.begin) is expected
