"""Every pattern in the tree, ours and those that our addresses are made of, keeps within the bound."""

import ast
import importlib
import json
import pkgutil
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from bookbag.server.bounds import LONGEST_PATH
from llm.models import ChatModel
from llm.providers import wire
from tests.bounded.growth import sizes, too_steep
from tests.bounded.pumps import texts_for
from tests.bounded.texts import TEXTS

ROOT = Path(__file__).resolve().parents[2]
APPS = ("agents", "billing", "bookbag", "llm", "workspaces")
Pattern = re.Pattern[Any]


def modules() -> Iterator[str]:
    for app in APPS:
        yield app
        for module in pkgutil.walk_packages([str(ROOT / app)], f"{app}."):
            if ".migrations." not in module.name and module.name != "bookbag.asgi":
                yield module.name


def patterns() -> dict[str, Pattern]:
    """Each by its module and name; one that is imported elsewhere, once."""
    found: dict[Pattern, str] = {}
    for name in modules():
        for what, value in vars(importlib.import_module(name)).items():
            for pattern in value.values() if isinstance(value, dict) else [value]:
                if isinstance(pattern, re.Pattern):
                    found.setdefault(pattern, f"{name}.{what}#{len(found)}")
    return {name: pattern for pattern, name in found.items()}


def addresses(resolver: URLResolver | None = None) -> Iterator[Pattern]:
    for entry in (resolver or get_resolver()).url_patterns:
        yield entry.pattern.regex
        if isinstance(entry, URLResolver):
            yield from addresses(entry)
        else:
            assert isinstance(entry, URLPattern)


def uses() -> dict[str, set[str]]:
    """Which methods are called on each name in the tree: a pattern is judged by how it is put to use."""
    found: dict[str, set[str]] = {}
    for app in APPS:
        for path in (ROOT / app).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
                    name = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
                    found.setdefault(name, set()).add(node.attr)
    return found


def look_through(pattern: Pattern, text: str, methods: set[str]) -> None:
    """`text` as `methods` go through it; without any, in each way there is."""
    asked = text if isinstance(pattern.pattern, str) else text.encode()
    if not methods or "match" in methods:
        pattern.match(asked)
    if not methods or "fullmatch" in methods:
        pattern.fullmatch(asked)
    if not methods <= {"match", "fullmatch"} or not methods:
        deque(pattern.finditer(asked), maxlen=0)


PATTERNS = patterns()
USES = uses()
# Ids of models are cut to this where they are taken in, in our forms and from a provider's list.
MODEL_ID_CHARACTERS = 100
SHORT = {"llm.profiles.": MODEL_ID_CHARACTERS, "llm.eligibility.": MODEL_ID_CHARACTERS}


def test_patterns_were_found() -> None:
    assert len(PATTERNS) >= 20
    assert any("sk-" in str(pattern.pattern) for pattern in PATTERNS.values())
    assert any(name.startswith("llm.eligibility.MAKERS") for name in PATTERNS)


def test_ids_of_models_are_short() -> None:
    assert ChatModel._meta.get_field("model_id").max_length == MODEL_ID_CHARACTERS
    assert wire.MODEL_ID.fullmatch("a" * MODEL_ID_CHARACTERS)
    assert not wire.MODEL_ID.fullmatch("a" * (MODEL_ID_CHARACTERS + 1))


@sizes
@pytest.mark.parametrize("name", PATTERNS)
def test_pattern_keeps_within_the_bound(name: str, most: int) -> None:
    pattern = PATTERNS[name]
    most = min([most, *(length for where, length in SHORT.items() if name.startswith(where))])
    methods = USES.get(name.rpartition(".")[2].partition("#")[0], set())
    texts = [*TEXTS.items(), *texts_for(pattern)]

    steep = {
        what: seen
        for what, text_of in texts
        if (seen := too_steep(lambda text: look_through(pattern, text, methods), text_of, most))
    }

    assert steep == {}


def test_addresses_keep_within_the_bound() -> None:
    steep = {
        (pattern.pattern, name): seen
        for pattern in {pattern.pattern: pattern for pattern in addresses()}.values()
        for name, text_of in texts_for(pattern)
        if (seen := too_steep(lambda text: look_through(pattern, text, set()), text_of, LONGEST_PATH))  # noqa: B023
    }

    assert steep == {}


@pytest.mark.parametrize("source", [r"\{[^}]*\}", r"\s+$", r"a+b", r"<b>(.*?)</b>", r"(\w+)\s*=\s*;"])
def test_texts_made_for_a_steep_pattern_show_it(source: str) -> None:
    pattern = re.compile(source)

    assert any(too_steep(pattern.search, text_of, 64_000) for _, text_of in texts_for(pattern))


@pytest.mark.parametrize(
    "path", sorted(path.relative_to(ROOT) for app in APPS for path in (ROOT / app).rglob("*.py")), ids=str
)
def test_no_pattern_hides_in_a_function(path: Path) -> None:
    """A pattern is compiled once, with a name, in its module: only there does the test above find it."""
    hidden = [
        f"{path}:{node.lineno}: re.{node.func.attr}"
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and (node.func.attr != "compile" or node.col_offset == 0)
        and node.func.attr != "escape"
    ]

    assert hidden == []


LITERAL = re.compile(r"[=(,:\[!&|?{};\n]\s*/((?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\[\n])+)/([a-z]*)")
IN_NODE = """
const { patterns, texts, most } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const steep = [];
const seconds = (pattern, text) => { const began = process.cpuUsage(); text.replace(pattern, ""); const used = process.cpuUsage(began); return (used.user + used.system) / 1e6; };
for (const [source, flags] of patterns) for (const [head, unit, tail] of texts) {
  let before = Infinity;
  for (let size = 4000; size <= most; size *= 2) {
    const text = head + unit.repeat(size / unit.length) + tail;
    const now = Math.min(...[1, 2, 3].map(() => seconds(new RegExp(source, flags), text)));
    if (now > 0.03 && now > 2.5 * before + 0.015) { steep.push([source, unit, size, before, now]); break; }
    before = now;
  }
}
console.log(JSON.stringify(steep));
"""


@pytest.mark.skipif(not shutil.which("node"), reason="the pages' scripts are tried where node is")
@pytest.mark.parametrize("most", [64_000, pytest.param(1_024_000, marks=pytest.mark.soak)])
def test_patterns_of_scripts_keep_within_the_bound(most: int) -> None:
    sources = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "static" / "js").rglob("*.js"))]
    found = sorted({literal for source in sources for literal in LITERAL.findall(source)})
    assert found
    texts = [("", unit, tail) for unit in ("a", " ", "/", "stream/", "\n", "a ") for tail in ("", "!")]

    said = subprocess.run(
        ["node", "-e", IN_NODE],
        input=json.dumps({"patterns": found, "texts": texts, "most": most}), capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip

    assert json.loads(said.stdout) == []
