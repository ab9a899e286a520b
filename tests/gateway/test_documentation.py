"""What docs/ says about numbers is what the code does."""

import re
from dataclasses import fields

from django.conf import settings

from common.resilience import Policy
from common.server.lines import WIDEST
from common.settings import ROOT

PAGE = (ROOT / "docs/staying-up.md").read_text()


def test_each_number_of_a_lane_is_documented_with_its_default() -> None:
    section = PAGE.partition("## The numbers of a lane\n")[2].partition("\n## ")[0]
    documented = dict(re.findall(r"^\| `([A-Z_]+)` \| ([\d.]+) \|", section, re.MULTILINE))
    assert documented == {field.name.upper(): str(field.default) for field in fields(Policy)}


def test_each_lane_is_documented() -> None:
    rows = dict(re.findall(rf"^\| ({'|'.join(settings.UPSTREAMS)}) \| (.+) \|$", PAGE, re.MULTILINE))
    lanes = {service: re.sub(r" \(.*?\)", "", row).split(", ") for service, row in rows.items()}
    assert lanes == {service: list(config["lanes"]) for service, config in settings.UPSTREAMS.items()}


def test_each_throttle_is_documented_with_its_default() -> None:
    documented = dict(re.findall(r"^\| `THROTTLE_([A-Z_]+)` \| .+ \| (\d+) \|$", PAGE, re.MULTILINE))
    assert {name.lower(): int(number) for name, number in documented.items()} == settings.THROTTLES


def test_a_service_that_hangs_leaves_threads_for_the_others() -> None:
    assert max(len(config["lanes"]) for config in settings.UPSTREAMS.values()) < WIDEST
