"""Accounts over HTTP: register, read, change, delete."""

from typing import Any

import pytest

from common.identity import Caller
from tests.support import examples
from tests.support.service import faults, problem, race
from tests.users.accounts import PASSWORD, Client, Register
from users_project.users.models import User
from users_project.users.services import delete_user
from users_project.users.views import UserView

FORM = {"username": "ada", "email": "ada@x.example", "password": PASSWORD}
CONFIRMED = {"current_password": PASSWORD}


def rows() -> list[dict[str, Any]]:
    return list(User.objects.order_by("pk").values())


@pytest.mark.django_db
class TestRegistering:
    def test_a_new_account_is_shown_without_its_password(self, client: Client) -> None:
        response = client().post("/auth/register/", {**FORM, "first_name": "Ada"})
        user = User.objects.get()
        assert response.status_code == 201
        shown = response.json()
        assert list(shown) == list(examples.USER)
        assert shown.pop("date_joined").endswith("Z")
        assert shown == {
            "id": str(user.pk),
            "username": "ada",
            "email": "ada@x.example",
            "first_name": "Ada",
            "last_name": "",
            "is_staff": False,
            "is_active": True,
        }
        assert user.check_password(PASSWORD)

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"password": "kx92!"}, [("/password", "invalid")]),
            ({"password": "1234567"}, [("/password", "invalid")] * 3),
            ({"password": "x" * 129}, [("/password", "max_length")]),
            ({"username": "ada lovelace"}, [("/username", "invalid")]),
            ({"username": "a" * 151}, [("/username", "max_length")]),
            ({"username": ""}, [("/username", "blank")]),
            ({"email": "nowhere"}, [("/email", "invalid")]),
            ({"is_staff": True}, [("/is_staff", "unknown")]),
            ({"is_active": False}, [("/is_active", "unknown")]),
            ({"id": "x", "a/b~c": 1}, [("/id", "unknown"), ("/a~1b~0c", "unknown")]),
        ],
    )
    def test_bad_input_is_named_by_pointer_and_makes_nothing(
        self, client: Client, change: dict[str, Any], expected: list[tuple[str, str]]
    ) -> None:
        assert faults(client().post("/auth/register/", {**FORM, **change})) == expected
        assert not User.objects.exists()

    def test_every_missing_member_is_named(self, client: Client) -> None:
        response = client().post("/auth/register/", {})
        assert faults(response) == [("/username", "required"), ("/email", "required"), ("/password", "required")]

    def test_a_weak_password_is_told_in_the_reader_s_language(self, client: Client) -> None:
        response = client().post("/auth/register/", {**FORM, "password": "kx92!"}, headers={"Accept-Language": "es"})
        assert response["Content-Language"] == "es"
        assert problem(response, 400, "invalid")["errors"][0]["detail"] == (
            "La contraseña es demasiado corta. Debe contener por lo menos 8 caracteres."
        )

    def test_a_taken_name_is_409_in_any_case(self, client: Client, register: Register) -> None:
        register("Ada")
        before = rows()
        body = problem(client().post("/auth/register/", FORM), 409, "username-taken")
        assert body["detail"] == "Somebody has this username already. Choose another one."
        assert rows() == before


@pytest.mark.django_db(transaction=True)
def test_two_registrations_of_one_name_at_once_are_a_201_and_a_409(client: Client) -> None:
    def register(username: str) -> int:
        return client().post("/auth/register/", {**FORM, "username": username}).status_code

    assert sorted(race(lambda: register("ada"), lambda: register("ADA"))) == [201, 409]
    assert User.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_staff_who_demote_each_other_at_once_are_a_200_and_a_409(client: Client, register: Register) -> None:
    ada, grace = register("ada", is_staff=True), register("grace", is_staff=True)

    def demote(user: User, by: User) -> int:
        return client(by).patch(f"/users/{user.pk}/", {"is_staff": False}).status_code

    assert sorted(race(lambda: demote(ada, grace), lambda: demote(grace, ada))) == [200, 409]
    assert User.objects.filter(is_staff=True).count() == 1


class TestReading:
    def test_oneself_is_me_and_one_s_id(self, client: Client, ada: User) -> None:
        me = client(ada).get("/users/me/")
        assert me.status_code == 200
        assert (me.json()["id"], me.json()["last_name"]) == (str(ada.pk), "Lovelace")
        assert client(ada).get(f"/users/{ada.pk}/").json() == me.json()

    def test_staff_see_anyone(self, client: Client, ada: User, grace: User) -> None:
        assert client(grace).get(f"/users/{ada.pk}/").json()["username"] == "ada"

    @pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
    def test_someone_else_does_not_exist(self, client: Client, ada: User, register: Register, method: str) -> None:
        other = register("other")
        before = rows()
        body = {"username": "mine", "email": "mine@x.example"}
        problem(getattr(client(ada), method)(f"/users/{other.pk}/", body), 404, "not-found")
        assert rows() == before

    @pytest.mark.django_db
    @pytest.mark.parametrize("path", ["/users/me/", "/users/me/password/"])
    def test_without_a_user_there_is_no_me(self, client: Client, path: str) -> None:
        body = {"current_password": PASSWORD, "new_password": "another-horse-8"}
        problem(client().post(path, body) if "password" in path else client().get(path), 404, "not-found")


class TestChanging:
    def test_a_patch_changes_what_it_names(self, client: Client, ada: User) -> None:
        response = client(ada).patch("/users/me/", {"first_name": "Augusta", "email": "augusta@x.example", **CONFIRMED})
        assert response.status_code == 200
        ada.refresh_from_db()
        assert (ada.first_name, ada.last_name, ada.email) == ("Augusta", "Lovelace", "augusta@x.example")
        assert response.json()["first_name"] == "Augusta"
        assert ada.password_version == 1

    def test_a_put_names_what_an_account_needs(self, client: Client, ada: User) -> None:
        before = rows()
        response = client(ada).put("/users/me/", {"first_name": "Augusta"})
        assert faults(response) == [("/username", "required"), ("/email", "required")]
        assert rows() == before
        assert client(ada).put("/users/me/", {"username": "ADA", "email": "ada@x.example"}).status_code == 200
        assert User.objects.get().username == "ADA"

    def test_a_taken_name_changes_nothing(self, client: Client, ada: User, grace: User) -> None:
        before = rows()
        problem(client(ada).patch("/users/me/", {"username": "GRACE", "last_name": "King"}), 409, "username-taken")
        assert rows() == before

    @pytest.mark.parametrize("member", ["password", "id", "date_joined", "password_version", "deleted_at"])
    def test_nothing_else_can_be_written(self, client: Client, ada: User, grace: User, member: str) -> None:
        before = rows()
        for caller in (ada, grace):
            response = client(caller).patch(f"/users/{ada.pk}/", {member: "1", "last_name": "King"})
            assert faults(response) == [(f"/{member}", "unknown")]
        assert rows() == before

    @pytest.mark.parametrize("role", [{"is_staff": True}, {"is_active": False}])
    def test_a_person_s_own_role_is_403_and_changes_nothing(
        self, client: Client, ada: User, role: dict[str, bool]
    ) -> None:
        before = rows()
        response = client(ada).patch("/users/me/", {"last_name": "King", **role})
        assert problem(response, 403, "role-not-yours")["detail"] == (
            "Only staff change is_staff and is_active, and never their own. Ask another member of staff."
        )
        assert rows() == before

    @pytest.mark.parametrize("role", [{"is_staff": False}, {"is_active": False}])
    @pytest.mark.parametrize("path", ["/users/me/", "/users/{}/"])
    def test_staff_s_own_role_is_403_and_changes_nothing(
        self, client: Client, register: Register, grace: User, role: dict[str, bool], path: str
    ) -> None:
        register("mary", is_staff=True)
        before = rows()
        problem(client(grace).patch(path.format(grace.pk), role), 403, "role-not-yours")
        assert rows() == before

    def test_a_role_may_be_named_when_it_stays_as_it_is(self, client: Client, ada: User, grace: User) -> None:
        for user, is_staff in ((ada, False), (grace, True)):
            form = {"username": user.username, "email": user.email, "is_staff": is_staff, "is_active": True}
            response = client(user).put("/users/me/", {**form, "last_name": "King"})
            assert (response.status_code, response.json()["last_name"]) == (200, "King")

    def test_staff_give_and_take_roles(self, client: Client, ada: User, grace: User) -> None:
        path = f"/users/{ada.pk}/"
        for role in ({"is_staff": True}, {"is_active": False}, {"is_staff": False, "is_active": True}):
            response = client(grace).patch(path, role)
            assert response.status_code == 200
            assert {name: response.json()[name] for name in role} == role
            ada.refresh_from_db()
            assert {name: getattr(ada, name) for name in role} == role

    @pytest.mark.parametrize(
        "role", [{"is_staff": False}, {"is_active": False}, {"is_staff": False, "is_active": True}]
    )
    def test_the_last_active_staff_account_is_409(
        self, client: Client, register: Register, grace: User, role: dict[str, bool]
    ) -> None:
        idle = register("idle", is_staff=True, is_active=False)
        before = rows()
        problem(client(idle).patch(f"/users/{grace.pk}/", {"last_name": "King", **role}), 409, "last-staff-account")
        assert rows() == before

    @pytest.mark.parametrize("path", ["/users/me/", "/users/{}/"])
    def test_a_new_email_of_ones_own_needs_the_current_password(
        self, client: Client, ada: User, grace: User, path: str
    ) -> None:
        change = {"email": "countess@x.example"}
        before = rows()
        for user in (ada, grace):
            own = path.format(user.pk)
            assert faults(client(user).patch(own, change)) == [("/current_password", "required")]
            wrong = client(user).patch(own, change | {"current_password": "a guess"})
            assert faults(wrong) == [("/current_password", "wrong-password")]
        assert rows() == before
        changed = client(ada).patch(path.format(ada.pk), change | CONFIRMED)
        assert (changed.status_code, changed.json()["email"]) == (200, "countess@x.example")
        assert "current_password" not in changed.json()


class TestDeleting:
    @pytest.mark.parametrize("path", ["/users/me/", "/users/{}/"])
    def test_ones_own_account_needs_the_current_password(
        self, client: Client, ada: User, grace: User, path: str
    ) -> None:
        before = rows()
        for user in (ada, grace):
            own = path.format(user.pk)
            for body in (None, {}):
                assert faults(client(user).delete(own, body)) == [("/current_password", "required")]
            assert faults(client(user).delete(own, {"password": PASSWORD})) == [("/password", "unknown")]
            wrong = client(user).delete(own, {"current_password": "a guess"})
            assert faults(wrong) == [("/current_password", "wrong-password")]
        assert rows() == before

    def test_the_last_active_staff_account_is_409(self, client: Client, grace: User) -> None:
        before = rows()
        body = problem(client(grace).delete("/users/me/", CONFIRMED), 409, "last-staff-account")
        assert body["detail"] == "The last active staff account cannot be removed or demoted. Make another one first."
        assert rows() == before

    @pytest.mark.parametrize("path", ["/users/me/", "/users/{}/"])
    def test_a_deleted_account_is_404_everywhere(self, client: Client, ada: User, grace: User, path: str) -> None:
        gone = client(ada).delete(path.format(ada.pk), CONFIRMED)
        assert (gone.status_code, gone.content) == (204, b"")
        before = rows()
        for caller in (client(ada), client(grace)):
            for method in ("get", "put", "patch", "delete"):
                body = {} if method in ("get", "delete") else {"username": "ada", "email": "a@x.example"}
                problem(getattr(caller, method)(f"/users/{ada.pk}/", body), 404, "not-found")
            problem(caller.get(f"/accounts/{ada.pk}/"), 404, "not-found")
        problem(client(ada).get("/users/me/"), 404, "not-found")
        assert [user["username"] for user in client(grace).get("/users/").json()["results"]] == ["grace"]
        assert client().post("/credentials/", {"username": "ada", "password": PASSWORD}).json() == {"user": None}
        assert rows() == before

    def test_a_deleted_account_has_no_password_to_change(self, client: Client, ada: User) -> None:
        client(ada).delete("/users/me/", CONFIRMED)
        before = rows()
        body = {"current_password": PASSWORD, "new_password": "another-horse-8"}
        problem(client(ada).post("/users/me/password/", body), 404, "not-found")
        assert rows() == before

    @pytest.mark.parametrize("method", ["put", "patch", "delete"])
    def test_who_is_deleted_while_a_request_waits_is_404_to_it(
        self, client: Client, ada: User, grace: User, monkeypatch: pytest.MonkeyPatch, method: str
    ) -> None:
        monkeypatch.setattr(UserView, "get_object", lambda *seen_before: ada)
        delete_user(user_id=ada.pk, by=Caller("operator"))
        before = rows()
        body = {} if method == "delete" else {"username": "ada", "email": "ada@x.example"}
        problem(getattr(client(grace), method)(f"/users/{ada.pk}/", body), 404, "not-found")
        assert rows() == before

    def test_a_deleted_account_s_name_is_free_for_a_new_one(self, client: Client, ada: User) -> None:
        client(ada).delete("/users/me/", CONFIRMED)
        again = client().post("/auth/register/", FORM)
        assert again.status_code == 201
        assert again.json()["id"] != str(ada.pk)
        assert User.objects.filter(pk=ada.pk, email="", is_active=False).exists()

    def test_staff_delete_anyone(self, client: Client, ada: User, grace: User) -> None:
        assert client(grace).delete(f"/users/{ada.pk}/").status_code == 204
        assert User.objects.get(pk=ada.pk).deleted_at is not None
