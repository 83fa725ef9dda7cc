"""The site: settings, URLs, start-up checks, and the server's entry.

django-cryptography 1.1 imports ``django.utils.baseconv``, which Django removed in 5.0. The two functions it needs
are still in ``django.core.signing``; this module provides them under the old name before any model loads, so that
the package works (docs/decisions/0001-dependencies.md).
"""

import sys
import types

from django.core import signing

_baseconv = types.ModuleType("django.utils.baseconv")
_baseconv.base62 = types.SimpleNamespace(encode=signing.b62_encode, decode=signing.b62_decode)  # type: ignore[attr-defined]
sys.modules.setdefault("django.utils.baseconv", _baseconv)
