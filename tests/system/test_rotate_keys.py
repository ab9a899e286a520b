"""`manage_all.py rotate-keys` on a running system: people stay signed in, and no service mistrusts another."""

import threading
from collections import Counter
from pathlib import Path

from tests.system.client import succeeded
from tests.system.plaza import WITHOUT_THROTTLES, System


def test_keys_change_under_traffic_and_nobody_is_signed_out(tmp_path: Path) -> None:
    system = System(tmp_path / "data", **WITHOUT_THROTTLES)
    system.up("--no-demo")
    try:
        customer = system.customer()
        before = system.secret("jwt-signing"), system.secret("gateway-users")
        told: Counter[int] = Counter()
        over = threading.Event()

        def ask_all_the_time() -> None:
            while not over.wait(0.05):
                try:
                    told[customer.get("/api/users/me/").status_code] += 1
                except OSError:  # the gateway itself is being started again
                    told[0] += 1

        asking = threading.Thread(target=ask_all_the_time)
        asking.start()
        try:
            done = system.command("rotate-keys")
        finally:
            over.set()
            asking.join()
        assert done.returncode == 0, done.stdout + done.stderr
        assert told[200] > 0
        assert not {status for status in told if 400 <= status < 500}
        after = system.secret("jwt-signing"), system.secret("gateway-users")
        for old, new in zip(before, after, strict=True):
            assert new.splitlines()[1:] == [old]
        system.wait_until_healthy()
        succeeded(customer.get("/api/users/me/"))
        customer.renew()
        succeeded(customer.get("/api/users/me/"))
    finally:
        system.down()
