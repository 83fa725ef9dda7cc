"""Collecting static files only when one of them has changed: compressing them takes seconds."""

import hashlib
from pathlib import Path

import django
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

MARK = ".collected"


def _fingerprint() -> str:
    """Changes whenever a source file is added, removed or edited, or Django or the way of storing changes."""
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
