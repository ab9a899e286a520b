"""The open paths, and the answer to an error of the service itself."""

import json
from typing import Any

import pytest
from django.test import Client

from orders_project.orders import services
from tests.orders.api import Api
from tests.orders.rows import make_order
from tests.support.service import client_for

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_health_is_open(path: str) -> None:
    response = Client().get(path)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_metrics_count_requests_by_route_and_never_by_path(user: Api) -> None:
    order = make_order("paid", user_id=user.user_id)
    assert user.get(f"/orders/{order.pk}/").status == 200
    text = Client().get("/metrics").content.decode()
    assert 'plaza_requests_total{method="GET",route="orders/<uuid:order_id>/",status="200"}' in text
    assert str(order.pk) not in text


def test_a_mistake_of_the_service_is_a_500_without_its_internals(user: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("SELECT secret FROM somewhere")

    monkeypatch.setattr(services, "find_order", fail)
    client = client_for(user.user_id)
    client.raise_request_exception = False
    response = client.get(f"/orders/{make_order('paid').pk}/")
    assert (response.status_code, response.headers["Content-Type"]) == (500, "application/problem+json")
    assert json.loads(response.content)["type"] == "/problems/internal"
    assert b"secret" not in response.content
    assert b"Traceback" not in response.content
