"""The environment, read strictly: a value that cannot be used is named, never guessed at or shown.

django-environ alone takes an unknown word for false, keeps the line end of an ``X_FILE``, and lets a
ValueError out that names no variable.
"""

import warnings
from collections.abc import Collection
from email.utils import getaddresses
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

TRUE = {"true", "on", "ok", "y", "yes", "1"}
FALSE = {"false", "off", "n", "no", "0"}
ENGINES = ("django.db.backends.sqlite3", "django.db.backends.postgresql")


class Hidden(bytes):
    """Bytes that do not show themselves where settings are printed."""

    def __repr__(self) -> str:
        return "b'…'"

    __str__ = __repr__


class _Variables(FileAwareMapping):
    def __getitem__(self, name: str) -> str:
        try:
            return str(super().__getitem__(name)).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(f"{name}_FILE names a file that cannot be read as text.") from error


class Environment(environ.FileAwareEnv):
    """Raises ImproperlyConfigured, naming the variable, for every value that cannot be used."""

    ENVIRON = _Variables()

    def get_value(
        self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, parse_default: bool = False
    ) -> Any:
        if cast is bool and str(self.ENVIRON.get(var, "true")).lower() not in TRUE | FALSE:
            raise ImproperlyConfigured(f"{var} is neither true nor false.")
        try:
            return super().get_value(var, cast=cast, default=default, parse_default=parse_default)
        except ValueError as error:
            kind = getattr(cast, "__name__", "value")
            raise ImproperlyConfigured(f"{var} is malformed: it does not read as {kind}.") from error

    def choice(self, var: str, among: Collection[str], default: str) -> str:
        """One of `among`, in any case of letters."""
        found = str(self.str(var, default=default)).lower()
        if found not in among:
            raise ImproperlyConfigured(f"{var} must be one of {', '.join(among)}.")
        return found

    def people(self, var: str) -> list[tuple[str, str]]:
        """Names and addresses, as in ``Olive <olive@bookbag.test>, oscar@bookbag.test``; none when unset."""
        found = getaddresses([self.str(var, default="")]) if self.str(var, default="") else []
        if not all("@" in address for _, address in found):
            raise ImproperlyConfigured(f"{var} is malformed; write addresses, separated by commas.")
        return found

    def db_url(self, var: str = "DATABASE_URL", default: Any = environ.Env.NOTSET, engine: Any = None) -> Any:
        with warnings.catch_warnings():
            # The check below says it, and without repeating a URL that may hold a password.
            warnings.simplefilter("ignore")
            database = super().db_url(var, default=default, engine=engine)
        if database.get("ENGINE") not in ENGINES:
            raise ImproperlyConfigured(f"{var} must begin with sqlite:/// or postgres://.")
        return database
