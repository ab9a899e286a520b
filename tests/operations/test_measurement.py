from operations.testing.measurement import Measurement, summarize


def entry(lines: int, statements: int, branches: int, all_branches: int) -> dict[str, dict[str, int]]:
    return {
        "summary": {
            "covered_lines": lines,
            "num_statements": statements,
            "covered_branches": branches,
            "num_branches": all_branches,
            "excluded_lines": 7,
        }
    }


def test_files_are_summed_by_package() -> None:
    files = {
        "common/errors.py": entry(50, 50, 10, 10),
        "common/resilience/circuit.py": entry(40, 50, 5, 10),
        "users_project/settings.py": entry(10, 10, 0, 0),
        "elsewhere/file.py": entry(0, 10, 0, 2),
    }
    assert summarize(files, ["common", "users_project", "orders_project"]) == [
        Measurement("common", lines=90.0, branches=75.0),
        Measurement("users_project", lines=100.0, branches=100.0),
        Measurement("orders_project", lines=0.0, branches=100.0),
    ]


def test_lines_and_branches_must_both_be_enough() -> None:
    assert Measurement("common", lines=95.0, branches=95.0).is_enough
    assert not Measurement("common", lines=100.0, branches=94.9).is_enough
    assert not Measurement("common", lines=94.9, branches=100.0).is_enough
