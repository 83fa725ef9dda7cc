"""The product's settings after what CONTRIBUTING.md asks for has been done for Parrot: its entry in the roster, and its
line in `Provider`, which is put in as llm/models.py is read.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from types import CodeType, ModuleType

from llm.providers import roster
from tests.llm import third_provider

NAME = "llm.models"
ABOVE = "    LOCAL = "
LINE = f'    PARROT = "{third_provider.PARROT.name}", "{third_provider.PARROT.label}"\n'


class Models(SourceFileLoader):
    """Keeps no bytecode, which would be found by processes that know no Parrot."""

    def get_code(self, fullname: str) -> CodeType:
        source = str(self.get_source(fullname))
        assert source.count(ABOVE) == 1
        return compile(source.replace(ABOVE, LINE + ABOVE), self.path, "exec", dont_inherit=True)


class Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        found = PathFinder.find_spec(fullname, path) if fullname == NAME else None
        if found is None or found.origin is None:
            return None
        return spec_from_file_location(NAME, found.origin, loader=Models(NAME, found.origin))


roster.KEYED = (*roster.KEYED, third_provider.PARROT)
sys.meta_path.insert(0, Finder())

from bookbag.settings import *  # noqa: E402, F403  (they are derived from the roster)
