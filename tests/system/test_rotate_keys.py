"""`manage_all.py rotate-keys` on a running Plaza: everyone stays signed in, and no service refuses another."""

import threading
from collections import Counter
from pathlib import Path

from tests.support.http import succeeded
from tests.support.plaza import WITHOUT_THROTTLES, Plaza


def test_keys_change_under_traffic_and_nobody_is_signed_out(tmp_path: Path) -> None:
    plaza = Plaza(tmp_path / "data", **WITHOUT_THROTTLES)
    plaza.up("--no-demo")
    try:
        customer = plaza.customer()
        before = plaza.secret("jwt-signing"), plaza.secret("gateway-users")
        statuses: Counter[int] = Counter()
        over = threading.Event()

        def ask_again_and_again() -> None:
            while not over.wait(0.05):
                try:
                    statuses[customer.get("/api/users/me/").status_code] += 1
                except OSError:  # the gateway is restarting
                    statuses[0] += 1

        asking = threading.Thread(target=ask_again_and_again)
        asking.start()
        try:
            finished = plaza.run("rotate-keys")
        finally:
            over.set()
            asking.join()
        assert finished.returncode == 0, finished.stdout + finished.stderr
        assert statuses[200] > 0
        assert not {status for status in statuses if 400 <= status < 500}
        after = plaza.secret("jwt-signing"), plaza.secret("gateway-users")
        for old, new in zip(before, after, strict=True):
            assert new.splitlines()[1:] == [old]
        plaza.wait_until_healthy()
        succeeded(customer.get("/api/users/me/"))
        customer.renew()
        succeeded(customer.get("/api/users/me/"))
    finally:
        plaza.down()
