"""The list of `make mutants` fits the code: what it changes is there, and so are the tests that are to notice."""

import ast
from pathlib import Path

import pytest

from tests.mutants.mutations import MUTATIONS, Mutation

ROOT = Path(__file__).resolve().parent.parent


def test_no_mutation_is_listed_twice() -> None:
    assert len({(mutation.path, mutation.old, mutation.new) for mutation in MUTATIONS}) == len(MUTATIONS)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.harm)
def test_mutation_fits_the_code(mutation: Mutation) -> None:
    code = (ROOT / mutation.path).read_text(encoding="utf-8")
    mutated = code.replace(mutation.old, mutation.new)

    assert code.count(mutation.old) == 1
    assert ast.dump(ast.parse(mutated)) != ast.dump(ast.parse(code))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.harm)
def test_mutation_names_tests_that_exist(mutation: Mutation) -> None:
    assert mutation.tests
    for test in mutation.tests:
        path, _, name = test.partition("::")
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        tests = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert not name or name in tests
