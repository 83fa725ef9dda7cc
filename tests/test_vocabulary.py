"""One word, one meaning: no name in the code and no text of a page uses a word that docs/vocabulary.md rules out."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings

APPS = ("agents", "billing", "bookbag", "llm", "workspaces")
VOCABULARY = settings.BASE_DIR / "docs/vocabulary.md"


@dataclass(frozen=True)
class Forbidden:
    """A row of the table: `where` holds "alone", "names", "pages"; `exceptions` are names or names of files."""

    word: str
    where: frozenset[str]
    exceptions: frozenset[str]


def table(head: str) -> list[list[str]]:
    """The cells of the rows below the table's head `head`, which is its first cell."""
    lines = VOCABULARY.read_text().partition(f"| {head} |")[2].splitlines()[2:]
    rows = lines[: next((number for number, line in enumerate(lines) if not line.startswith("|")), None)]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


FORBIDDEN = [
    Forbidden(word, frozenset(where.split(", ")), frozenset(re.findall(r"`([^`]+)`", exceptions)))
    for word, where, exceptions, _ in table("Forbidden")
]


def names_in(source: str) -> Iterator[str]:
    """What the code names: functions, classes, arguments, variables, attributes. A Meta's names are Django's."""
    yield from _names(ast.parse(source))


def _names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.ClassDef(name="Meta"):
            return
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case (
            ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store())
        ):
            yield name
    for child in ast.iter_child_nodes(node):
        yield from _names(child)


def words_of(name: str) -> list[str]:
    """ "workspaceKey_id" as ["workspace", "key", "id"]."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_")


def breaks(rule: Forbidden, name: str) -> bool:
    if name in rule.exceptions:
        return False
    if "alone" in rule.where:
        return name.lower() == rule.word
    return "names" in rule.where and rule.word in words_of(name)


def shown_by(template: str) -> str:
    """The words of a template that people read: no tags, no comments, no addresses."""
    return re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", " ", template, flags=re.DOTALL).lower()


def product(ending: str, *folders: str) -> list[Path]:
    found = (path for folder in folders for path in sorted((settings.BASE_DIR / folder).rglob(f"*{ending}")))
    return [path for path in found if "migrations" not in path.parts]


@pytest.mark.parametrize("rule", FORBIDDEN, ids=lambda rule: rule.word)
def test_code_does_not_name_anything_so(rule: Forbidden) -> None:
    broken = {
        str(path.relative_to(settings.BASE_DIR)): names
        for path in product(".py", *APPS)
        if path.name not in rule.exceptions
        and (names := sorted({name for name in names_in(path.read_text()) if breaks(rule, name)}))
    }

    assert broken == {}


def modules_of_classes(sources: Mapping[str, str]) -> dict[str, list[str]]:
    """In which modules there is a class of each name, inside other classes too."""
    modules: dict[str, list[str]] = {}
    for module, source in sources.items():
        for name in {node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)}:
            modules.setdefault(name, []).append(module)
    return modules


def test_class_has_a_name_of_its_own() -> None:
    sources = {str(path.relative_to(settings.BASE_DIR)): path.read_text() for path in product(".py", *APPS)}
    shared = {name: found for name, found in modules_of_classes(sources).items() if len(found) > 1}
    excepted = {name for names, _ in table("Class") for name in names.split(", ")}

    assert {name: found for name, found in shared.items() if name not in excepted} == {}
    assert excepted <= set(shared)


def test_class_that_two_modules_define_would_be_found() -> None:
    sources = {"a.py": "class Page: pass\nclass Row: pass", "b.py": "class Site:\n  class Page: pass"}

    assert modules_of_classes(sources) == {"Page": ["a.py", "b.py"], "Row": ["a.py"], "Site": ["b.py"]}


@pytest.mark.parametrize(
    "rule", [rule for rule in FORBIDDEN if "pages" in rule.where], ids=lambda rule: rule.word
)
def test_pages_do_not_say_so(rule: Forbidden) -> None:
    said = re.compile(rf"\b{rule.word}s?\b")

    assert [
        str(path)
        for path in product("", "templates")
        if path.is_file() and said.search(shown_by(path.read_text()))
    ] == []


def test_byo_has_one_name() -> None:
    """ "Bring your own keys"; help says once what others call it, for whoever looks for that."""
    another = re.compile(r"own llm|bring-your-own-keys (?:is|was)", re.IGNORECASE)
    texts = [*product(".py", *APPS), *product("", "templates"), *product(".md", "docs/help")]
    others = {path.name: len(another.findall(path.read_text())) for path in texts if path.is_file()}

    assert {name: times for name, times in others.items() if times} == {"bring-your-own-keys.md": 1}


def test_each_forbidden_word_stands_in_the_table_of_what_to_say() -> None:
    instead = {word for _, nots, _ in table("Say") for word in nots.split(", ")}

    assert {rule.word for rule in FORBIDDEN} - instead == set()


def test_forbidden_name_would_be_found() -> None:
    source = "class Refund:\n  def f(self, key, chat_model): self.tenant_id = model = 1\nfor provider_key in x: pass"
    names = list(names_in(source))

    found = {(rule.word, name) for rule in FORBIDDEN for name in names if breaks(rule, name)}

    assert found == {("refund", "Refund"), ("key", "key"), ("tenant", "tenant_id"), ("model", "model")}
    assert shown_by('<a href="/login/" title="x">Sign in</a>{% url "login" %}{# login #}').split() == [
        "sign",
        "in",
    ]
