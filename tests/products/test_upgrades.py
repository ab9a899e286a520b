"""While this release replaces the one before it, both serve: the older one finds its tables as it knows them."""

import pytest

from tests.support import upgrades


@pytest.mark.django_db
def test_the_release_before_this_one_writes_and_reads_each_of_its_tables() -> None:
    models = upgrades.released_models()
    assert models
    for model in models:
        upgrades.write_and_read(model)


def test_what_migrations_do_beyond_adding_is_explained() -> None:
    beyond = [
        (node, type(operation).__name__)
        for node, operation in upgrades.operations_since()
        if not isinstance(operation, upgrades.HARMLESS) and node not in upgrades.EXPLAINED
    ]
    assert beyond == []
