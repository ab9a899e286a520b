"""What migrations make of the sessions that exist already."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from common.identifiers import new_id
from gateway_project.auth.devices import has_signed_in_from

BEFORE, AFTER = [("gateway_auth", "0001_initial")], [("gateway_auth", "0002_known_networks")]


@pytest.fixture
def before() -> Any:
    """The models of before. The tables are as they are now when the test ends."""
    yield migrate(BEFORE)
    migrate(MigrationExecutor(connection).loader.graph.leaf_nodes("gateway_auth"))


def migrate(target: Any) -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate(target)
    return executor.loader.project_state(target).apps


@pytest.mark.django_db(transaction=True)
def test_an_old_session_counts_as_a_sign_in_from_its_network(before: Any) -> None:
    networks = {
        "192.0.2.7": "192.0.2.7",
        "::ffff:192.0.2.8": "192.0.2.8",
        "2001:db8::7": "2001:db8::/64",
        "::1": "::/64",
        "unknown": "",
        "": "",
    }
    rows = [
        before.get_model("gateway_auth", "Session")(
            user_id=new_id(),
            username=f"Ada-{number}",
            is_staff=False,
            password_version=1,
            address=address,
            expires_at=timezone.now() + timedelta(days=30),
        )
        for number, address in enumerate(networks)
    ]
    before.get_model("gateway_auth", "Session").objects.bulk_create(rows)
    migrate(AFTER)
    for number, network in enumerate(networks.values()):
        assert has_signed_in_from(network, f"ADA-{number}")
        assert not has_signed_in_from("203.0.113.9", f"ADA-{number}")
