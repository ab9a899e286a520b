import pytest

from common import storage
from common.storage import StorageWatch
from tests.support.properties import load_profile

load_profile()


@pytest.fixture(autouse=True)
def _storage_without_a_past(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test's requests met is not what the next one's `/health/ready` says."""
    monkeypatch.setattr(storage, "watch", StorageWatch())
