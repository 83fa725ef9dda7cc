"""Who may use whom, where import-linter's contracts (pyproject.toml) cannot tell: calls, and writes."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp  # import-linter reads imports with it
import pytest
from django.apps import apps

ROOT = Path(__file__).resolve().parent.parent
APPS = ("workspaces", "billing", "llm", "agents")
# The one door out of the vault, and the life of a key.
MAY_UNSEAL = {"llm/gateway.py", "llm/keys/opening.py", "llm/factor_secrets.py", "llm/factor_adapter.py"}
WRITES = {
    "create", "acreate", "bulk_create", "abulk_create", "get_or_create", "update_or_create", "update", "aupdate",
    "bulk_update",
    "save",
    "asave", "delete", "adelete",
}  # fmt: skip


def modules(*packages: str) -> Iterator[tuple[str, ast.Module]]:
    """Each module's path from the root and its syntax, migrations aside."""
    for package in packages:
        for file in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in file.parts:
                yield str(file.relative_to(ROOT)), ast.parse(file.read_text(encoding="utf-8"))


def unseal_uses(tree: ast.Module) -> list[int]:
    """Lines that name the vault's `unseal`, called or handed on, under whatever alias."""
    named = [
        node.lineno for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "unseal"
    ]
    imported = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and node.module == "llm.vault"
        and any(alias.name in ("unseal", "*") for alias in node.names)
    ]
    return named + imported


def foreign_models(path: str, tree: ast.Module) -> set[str]:
    """Names under which a module imports model classes of another app."""
    own = path.split("/")[0]
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in {
            f"{app}.models" for app in APPS if app != own
        }:
            known = {model.__name__ for model in apps.get_app_config(node.module.split(".")[0]).get_models()}
            names |= {alias.asname or alias.name for alias in node.names if alias.name in known}
    return names


def chain(node: ast.expr) -> list[str]:
    """The names of `A.objects.filter(...).update`, outermost last; calls and indexes looked through."""
    if isinstance(node, ast.Attribute):
        return [*chain(node.value), node.attr]
    if isinstance(node, ast.Call):
        return chain(node.func)
    return [node.id] if isinstance(node, ast.Name) else []


def foreign_writes(path: str, tree: ast.Module) -> list[str]:
    names = foreign_models(path, tree)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            links = chain(node.func)
            if links and links[0] in names and WRITES & set(links[1:]):
                found.append(f"{path}:{node.lineno} {'.'.join(links)}")
    return found


def test_only_gateway_and_keys_unseal() -> None:
    users = {path for path, tree in modules(*APPS, "bookbag") if unseal_uses(tree)}
    assert users <= MAY_UNSEAL


def test_no_app_writes_another_apps_models() -> None:
    # bookbag puts the apps together (onboarding, the demo cast) and is not an app of its own.
    assert [write for path, tree in modules(*APPS) for write in foreign_writes(path, tree)] == []


@pytest.mark.parametrize(
    "code",
    [
        "from llm.vault import unseal\n",
        "from llm import vault\nopen_it = vault.unseal\n",
        "from llm.vault import unseal as look\nlook(sealed, binding=binding)\n",
    ],
)
def test_an_unseal_is_found_under_any_name(code: str) -> None:
    assert unseal_uses(ast.parse(code)) != []


@pytest.mark.parametrize(
    "line",
    [
        "Transfer(amount=1).save()",
        "Transfer.objects.create(amount=1)",
        "Transfer.objects.filter(pk=1).update(amount=1)",
        "Transfer.objects.all().delete()",
    ],
)
def test_a_foreign_write_is_found(line: str) -> None:
    tree = ast.parse(f"from billing.models import Transfer\n{line}\n")
    assert len(foreign_writes("agents/views.py", tree)) >= 1
    assert foreign_writes("billing/ledger.py", tree) == []


def test_a_foreign_read_is_allowed() -> None:
    tree = ast.parse("from billing.models import Transfer\nTransfer.objects.filter(pk=1).first()\n")
    assert foreign_writes("agents/views.py", tree) == []


def private_names(tree: ast.Module) -> list[str]:
    """Names with a leading underscore that a module takes from another one of ours, and the line of each."""
    found, ours = [], set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in (
            *APPS,
            "bookbag",
            "tests",
            "bench",
        ):
            found += [f"{node.lineno} {alias.name}" for alias in node.names if alias.name.startswith("_")]
            ours |= {alias.asname or alias.name for alias in node.names if alias.name.islower()}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ours:
            is_private = node.attr.startswith("_") and not node.attr.startswith("__")
            found += [f"{node.lineno} {node.value.id}.{node.attr}"] if is_private else []
    return found


def test_no_module_uses_what_is_private_to_another() -> None:
    found = {
        path: names for path, tree in modules(*APPS, "bookbag", "bench") if (names := private_names(tree))
    }

    assert found == {}


def test_no_test_imports_what_is_private_to_another_module_of_tests() -> None:
    # Tests may use the product's private names, mostly to measure how long they take for the worst texts.
    found = {
        path: names
        for path, tree in modules("tests")
        if (names := [name for name in private_names(tree) if "." not in name])
    }

    assert found == {}


@pytest.mark.parametrize(
    "code",
    [
        "from bench.stage import _seed\n",
        "from agents.running import admission\nstatement = admission._sql(admission._SEND)\n",
    ],
)
def test_a_private_name_is_found(code: str) -> None:
    assert private_names(ast.parse(code)) != []


MOST_LINES = 40
# The reading of a provider's stream: its ends are decided in one place.
LONGER = {"llm/providers/events.py read_events"}


def test_no_function_of_the_product_is_longer_than_a_screen() -> None:
    found = {
        f"{path} {node.name}"
        for path, tree in modules(*APPS, "bookbag")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= MOST_LINES
    }

    assert found == LONGER


# A view says who may, what was asked, the act and the answer; most need ten lines for it.
MOST_VIEW_LINES = 15
# Forms with several outcomes, each of which is told in a way of its own.
LONGER_VIEWS = {
    "agents/views/agents.py create",
    "agents/views/correcting.py correct",
    "bookbag/pages/home.py new_workspace",
    "bookbag/pages/llm_settings.py replace_key",
    "bookbag/pages/own_account.py delete_page",
}


def views(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions that a decorator of workspaces/access.py guards."""
    guards = {
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "workspaces.access"
        for alias in node.names
    }
    return [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(guards & set(chain(decorator)) for decorator in node.decorator_list)
    ]


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines below the docstring."""
    first = function.body[1 if ast.get_docstring(function) else 0]
    return (function.end_lineno or 0) - first.lineno + 1


def test_no_view_does_more_than_a_view() -> None:
    found = {
        f"{path} {view.name}"
        for path, tree in modules(*APPS, "bookbag")
        for view in views(tree)
        if body_lines(view) > MOST_VIEW_LINES
    }

    assert found == LONGER_VIEWS


def test_models_import_no_page() -> None:
    pages = ("django.forms", "django.http", "django.shortcuts")
    for path, tree in modules(*APPS):
        if path.endswith("/models.py"):
            imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
            assert not [name for name in imported if name.startswith(pages)], path


def test_import_contracts_hold() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_no_module_is_imported_by_what_it_imports() -> None:
    """Late imports and those for types included."""
    graph = grimp.build_graph("bookbag", *APPS, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        list(TopologicalSorter(imports).static_order())
    except CycleError as problem:
        circle = problem.args[1]
        pytest.fail(f"a circle of imports: {' -> '.join(circle)}")
