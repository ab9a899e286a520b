"""`manage_all.py admin-password` beside a running system."""

import re

from tests.support.plaza import CUSTOMER_PASSWORD, Plaza, eventually


def test_the_new_password_works_the_old_one_does_not_and_sessions_end(plaza: Plaza) -> None:
    customer = plaza.customer()
    username = customer.user["username"]

    answer = plaza.run("admin-password", username, PLAZA_ADMIN_PASSWORD="")
    assert (answer.returncode, answer.stderr) == (0, "")
    printed = re.fullmatch(rf"Sessions ended: 1\nThe new password of {username}: (\S{{16}})\n", answer.stdout)
    assert printed, answer.stdout
    plaza.sensitive.add(printed[1])

    eventually(lambda: customer.get("/api/users/me/").status_code == 401)
    assert customer.renew().status_code == 401
    old = {"username": username, "password": CUSTOMER_PASSWORD}
    assert plaza.client().post("/api/auth/token/", old).status_code == 401
    plaza.client().signed_in(username, printed[1])


def test_an_account_that_is_not_there_is_named_with_the_mend(plaza: Plaza) -> None:
    answer = plaza.run("admin-password", "nobody-has-this-name")
    assert answer.returncode == 1
    assert "There is no account 'nobody-has-this-name'; `manage.py ensure_admin --username" in answer.stderr
    assert "Traceback" not in answer.stderr
