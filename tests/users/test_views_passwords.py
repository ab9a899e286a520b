"""Passwords over HTTP: changing them, and checking them when a user signs in."""

from typing import Any

import pytest

from tests.support.service import ServiceClient, faults
from tests.users.accounts import PASSWORD, Client, Register
from users_project.users.models import User


def rows() -> list[dict[str, Any]]:
    return list(User.objects.order_by("pk").values())


class TestPasswords:
    path = "/users/me/password/"

    def test_a_new_password_is_a_new_version(self, client: Client, ada: User) -> None:
        body = {"current_password": PASSWORD, "new_password": " spaces stay 8 "}
        changed = client(ada).post(self.path, body)
        assert (changed.status_code, changed.content) == (204, b"")
        assert client().get(f"/accounts/{ada.pk}/").json()["password_version"] == 2
        assert User.objects.get().check_password(" spaces stay 8 ")

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            (
                {"current_password": "wrong", "new_password": "another-horse-8"},
                [("/current_password", "wrong-password")],
            ),
            ({"current_password": PASSWORD, "new_password": "kx92!"}, [("/new_password", "invalid")]),
            ({"current_password": PASSWORD, "new_password": "ada@x.example"}, [("/new_password", "invalid")]),
            ({"new_password": "another-horse-8"}, [("/current_password", "required")]),
            (
                {"current_password": PASSWORD, "new_password": "another-horse-8", "username": "x"},
                [("/username", "unknown")],
            ),
        ],
    )
    def test_bad_input_is_named_by_pointer_and_changes_nothing(
        self, client: Client, ada: User, body: dict[str, str], expected: list[tuple[str, str]]
    ) -> None:
        before = rows()
        assert faults(client(ada).post(self.path, body)) == expected
        assert rows() == before


class TestSigningIn:
    def ask(self, client: ServiceClient, username: str, password: str = PASSWORD) -> Any:
        response = client.post("/credentials/", {"username": username, "password": password})
        assert response.status_code == 200
        assert list(response.json()) == ["user"]
        return response.json()["user"]

    @pytest.mark.parametrize("username", ["ada", "ADA"])
    def test_right_credentials_tell_whose_they_are(self, client: Client, ada: User, username: str) -> None:
        account = {"id": str(ada.pk), "username": "ada", "is_staff": False, "is_active": True, "password_version": 1}
        assert self.ask(client(), username) == account
        assert client().get(f"/accounts/{ada.pk}/").json() == account

    @pytest.mark.parametrize("username", ["ada", "nobody", "idle", "ad_", "a%"])
    def test_wrong_ones_are_null_whoever_is_named(self, client: Client, register: Register, username: str) -> None:
        register("ada")
        register("idle", is_active=False)
        password = "wrong-horse-7" if username == "ada" else PASSWORD
        assert self.ask(client(), username, password) is None

    def test_an_inactive_account_is_still_told_of_by_id(self, client: Client, register: Register) -> None:
        idle = register("idle", is_active=False, is_staff=True)
        shown = client().get(f"/accounts/{idle.pk}/").json()
        assert (shown["is_active"], shown["is_staff"]) == (False, True)

    def test_bad_input_is_named_by_pointer(self, client: Client, ada: User) -> None:
        response = client().post("/credentials/", {"username": "ada", "is_staff": True})
        assert faults(response) == [("/password", "required"), ("/is_staff", "unknown")]
