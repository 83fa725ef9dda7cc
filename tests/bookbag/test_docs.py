"""What the documents claim about the project, held against the project."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"[A-Za-z0-9-]+")


def declared() -> set[str]:
    """Every package named in pyproject.toml, in all groups."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lists = [
        project["project"]["dependencies"],
        *project["project"]["optional-dependencies"].values(),
        *project["dependency-groups"].values(),
    ]
    lines = [line for group in lists for line in group if isinstance(line, str)]
    return {match[0] for line in lines if (match := NAME.match(line))}


def test_every_dependency_has_its_reason() -> None:
    reasons = (ROOT / "docs/decisions/0001-dependencies.md").read_text(encoding="utf-8")
    explained = {match[0] for quoted in re.findall(r"`([^`]+)`", reasons) if (match := NAME.match(quoted))}

    assert declared() - explained == set()


def test_decisions_are_numbered_once() -> None:
    numbers = sorted(path.name[:4] for path in (ROOT / "docs/decisions").glob("*.md"))

    assert len(set(numbers)) == len(numbers)
    assert all(number.isdigit() for number in numbers)
