"""Compares what the documents claim about the project with the project."""

import ast
import io
import re
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"[A-Za-z0-9-]+")
OURS = (
    "agents",
    "bench",
    "billing",
    "bookbag",
    "deploy",
    "docs",
    "llm",
    "static",
    "templates",
    "tests",
    "workspaces",
)
# `agents/ids.py`, docs/pages.md; not what follows a placeholder, or stands before one.
FILE = re.compile(rf"(?<![\w/.<>*])(?:{'|'.join(OURS)})/[\w./-]*\w(?![\w*/<])")
# `TABLE` of `tests/test_access_table.py`.
NAME_IN_FILE = re.compile(r"`(\w+)`\s+(?:in|of)\s+`([\w/]+\.py)`")
# What `make bench` makes, and no commit holds.
NOT_KEPT = {"bench/results"}


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


def test_packages_that_come_as_source_are_named_to_who_installs() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    without_wheel = {
        one["name"] for one in lock["package"] if "registry" in one["source"] and not one.get("wheels")
    }

    assert without_wheel == {"crontab"}
    assert "`crontab` alone comes as source" in (ROOT / "docs/operations.md").read_text(encoding="utf-8")


def test_decisions_are_numbered_once() -> None:
    numbers = sorted(path.name[:4] for path in (ROOT / "docs/decisions").glob("*.md"))

    assert len(set(numbers)) == len(numbers)
    assert all(number.isdigit() for number in numbers)


def prose(path: Path) -> Iterator[str]:
    """A document's whole text; of a module, the comments and docstrings."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield text
        return
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    yield from (token.string for token in tokens if token.type == tokenize.COMMENT)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def test_every_file_that_is_named_exists() -> None:
    top = ROOT.glob("*.md")
    paths = [*top, *(one for app in OURS for kind in ("*.md", "*.py") for one in (ROOT / app).rglob(kind))]
    named = {
        (str(path.relative_to(ROOT)), name)
        for path in paths
        for text in prose(path)
        for name in FILE.findall(text)
    }

    assert len(named) > 100
    assert {one for one in named if one[1] not in NOT_KEPT and not (ROOT / one[1]).exists()} == set()


def test_every_name_that_is_said_to_be_in_a_module_is_there() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    said = {
        (page.name, name, module)
        for page in pages
        for name, module in NAME_IN_FILE.findall(page.read_text(encoding="utf-8"))
    }

    assert len(said) > 8
    assert [
        one for one in said if not re.search(rf"\b{one[1]}\b", (ROOT / one[2]).read_text(encoding="utf-8"))
    ] == []


def test_every_control_has_a_test_that_exists() -> None:
    page = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)

    assert len(named) > 30
    assert [
        f"{path}::{test}"
        for path, test in named
        if not (ROOT / path).exists() or f"def {test}(" not in (ROOT / path).read_text(encoding="utf-8")
    ] == []
