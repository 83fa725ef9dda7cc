"""Static files for serving: hashed, compressed, and each script or style sheet bundled with its imports.

They are collected only when one of them has changed, since compressing them takes seconds.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.finders import get_finders
from django.core.files.base import ContentFile
from django.core.management import call_command
from whitenoise.storage import CompressedManifestStaticFilesStorage

MARK = ".collected"
# Files that import others. Each is bundled into one, because imports would be requested one after another, and by
# their names before hashing. In development the browser loads the files separately.
BUNDLES = ("css/site.css", "js/compare.js", "js/playground.js", "js/site.js")
# The second group is the media query of an import.
IMPORT = re.compile(r'^(?:import(?: \{[^}]*\} from)?|@import) "(\.[^"]+)"([^;\n]*);\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?function|class|const|let)", re.MULTILINE)


class Storage(CompressedManifestStaticFilesStorage):
    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        if not dry_run:
            for name in BUNDLES:
                self.delete(name)
                self.save(name, ContentFile(bundled(name).encode()))
            # Hash the bundle that was saved here, not its source file.
            paths = paths | {name: (self, name) for name in BUNDLES}
        yield from super().post_process(paths, dry_run, **options)


def bundled(name: str) -> str:
    """The file with all that it imports, each once and before its first use.

    The scripts share one scope, so no two may define the same top-level name; browsers refuse such a bundle.
    """
    seen: set[Path] = set()

    def whole(file: Path) -> str:
        if file in seen:
            return ""
        seen.add(file)
        source = file.read_text(encoding="utf-8")
        before = ""
        for module, media in IMPORT.findall(source):
            part = whole((file.parent / module).resolve())
            before += f"@media{media} {{\n{part}}}\n" if media else part
        return before + EXPORT.sub("", IMPORT.sub("", source))

    found = finders.find(name)
    if not isinstance(found, str):
        raise FileNotFoundError(name)
    return whole(Path(found).resolve())


def _fingerprint() -> str:
    """A value that changes when a source file is added, removed or edited, and when Django or this module changes."""
    digest = hashlib.sha256(f"{django.__version__} {settings.STORAGES['staticfiles']}".encode())
    for finder in get_finders():
        for name, storage in finder.list([]):
            stat = Path(storage.path(name)).stat()
            digest.update(f"{name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def collect_if_changed() -> bool:
    """Bring STATIC_ROOT up to date; returns whether there was anything to do."""
    mark = Path(settings.STATIC_ROOT) / MARK
    fingerprint = _fingerprint()
    if mark.exists() and mark.read_text(encoding="utf-8") == fingerprint:
        return False
    call_command("collectstatic", interactive=False, clear=mark.exists(), verbosity=0)
    mark.write_text(fingerprint, encoding="utf-8")
    return True
