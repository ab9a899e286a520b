"""What the app listens to: its circuits, and requests if there is a place to tell other processes of them."""

from typing import Any

import pytest
from django.apps import apps
from django.core.signals import request_started

from gateway_project.status.publisher import publisher
from gateway_project.status.recorder import recorder
from gateway_project.upstreams.signals import circuit_changed


@pytest.mark.parametrize(("url", "expected"), [("redis://127.0.0.1:1/0", True), ("", False)])
def test_requests_begin_the_publisher_only_where_redis_is(url: str, expected: bool, settings: Any) -> None:
    settings.REDIS_URL = url
    apps.get_app_config("gateway_status").ready()
    assert request_started.disconnect(publisher.start) is expected


def test_circuits_that_change_are_recorded(settings: Any) -> None:
    settings.REDIS_URL = ""
    apps.get_app_config("gateway_status").ready()
    assert circuit_changed.disconnect(recorder.record) is True
