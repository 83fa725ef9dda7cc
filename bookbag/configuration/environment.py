"""Strict reading of the environment: an invalid value is an error that names the variable but not the value.

django-environ alone reads an unknown word as false, "5 minutes" as 5, a leading `$` as the name of another variable
and half of a password as a port, and its errors quote values. It is used only to make Django's settings for
databases, caches and mail; the reading is done here.

A variable that is set but blank counts as not set, since compose files leave them so.
"""

import math
import re
import ssl
import unicodedata
from collections.abc import Callable, Collection
from email.utils import getaddresses
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email
from environ.fileaware_mapping import FileAwareMapping
from psycopg import pq

TRUE = {"true", "on", "ok", "y", "yes", "1"}
FALSE = {"false", "off", "n", "no", "0"}
WHOLE = re.compile(r"[+-]?[0-9]+")
DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?|[+-]?\.[0-9]+")
HOST_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_-]+)*\.?")
# Lists in a file may continue on the next line.
CONTINUED = re.compile(r",[^\S\n]*\n\s*")
UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
DATABASES = {"sqlite", "postgres", "postgresql", "psql", "pgsql"}
# The package that a kind of cache needs, if any.
CACHES = {"locmemcache": "", "dbcache": "", "filecache": "", "redis": "redis", "rediss": "redis"}
MAIL_PORTS = {"smtp": 25, "smtps": 587, "smtp+tls": 587, "smtp+ssl": 465}
MAILS = (*MAIL_PORTS, "consolemail", "filemail", "memorymail", "dummymail")
# PostgreSQL's options in an address: those with a few allowed values, numbers, and paths of files.
OF_FEW_VALUES = {
    "sslmode": {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"},
    "channel_binding": {"disable", "prefer", "require"},
    "target_session_attrs": {"any", "read-write", "read-only", "primary", "standby", "prefer-standby"},
    "keepalives": {"0", "1"},
}
NUMBERS = {
    "connect_timeout",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
}
FILES = {"sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile"}
WITH_HOSTS = {*DATABASES, *MAIL_PORTS, "http", "https", "redis", "rediss"} - {"sqlite"}
A_DAY = 86_400.0
# Django's own settings in an address: these must not be changed, because transactions and the pool depend on them,
DECIDED_HERE = {"CONN_MAX_AGE", "ATOMIC_REQUESTS", "AUTOCOMMIT"}
# and these may be.
DJANGOS = {"DISABLE_SERVER_SIDE_CURSORS", "CONN_HEALTH_CHECKS"}
# The maximum of PostgreSQL's integer, because figures are compared with columns of that type and stored in them.
LARGEST = 2**31 - 1
Bound = float
NOTSET = environ.Env.NOTSET


class Hidden(bytes):
    """Bytes that are not shown where settings are printed."""

    def __repr__(self) -> str:
        return "b'…'"

    __str__ = __repr__


class _Variables(FileAwareMapping):
    """The process's variables, and `X_FILE`, the path of a file that holds X."""

    def __getitem__(self, name: str) -> str:
        """Raises KeyError for a variable that is unset or blank, ImproperlyConfigured for an unusable value."""
        file = self.env.get(f"{name}_FILE")
        value = self.env.get(name, "") if file is None else self._content(name, file)
        value = CONTINUED.sub(",", value.strip())
        problem = _problem(value)
        if problem:
            raise ImproperlyConfigured(f"{name if file is None else f'{name}_FILE'} {problem}")
        if not value:
            raise KeyError(name)
        return value

    def is_blank(self, name: str) -> bool:
        return name in self.env and not self.env[name].strip()

    def _content(self, name: str, path: str) -> str:
        if not path.strip():
            raise ImproperlyConfigured(f"{name}_FILE is set but names no file.")
        if self.env.get(name, "").strip():
            raise ImproperlyConfigured(f"{name} and {name}_FILE are both set; keep one of them.")
        if name not in self.files_cache:
            self.files_cache[name] = _text_of(f"{name}_FILE", path.strip())
        content: str = self.files_cache[name]
        return content


def _text_of(var: str, path: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError):
        raise ImproperlyConfigured(f"{var} names a file that cannot be read as text.") from None
    if not text.strip():
        raise ImproperlyConfigured(f"{var} names a file that is empty.")
    return text


def _problem(value: str) -> str:
    """Why `value` is invalid for any variable; empty if it is not."""
    if any(unicodedata.category(character) in UNSEEN for character in value):
        return "holds a line break or another character that cannot be seen."
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return "is wrapped in quotes, which would be part of the value; leave them out."
    if "…" in value:
        return "still holds the … of an example."
    return ""


class Environment(environ.Env):
    """Raises ImproperlyConfigured, naming the variable, for every value that cannot be used."""

    ENVIRON = _Variables()

    def get_value(self, var: str, cast: Any = None, default: Any = NOTSET, parse_default: Any = False) -> Any:
        """The variable's text, converted by `cast` if given; `default` if the variable is not set."""
        try:
            text = self.ENVIRON[var]
        except KeyError:
            if default is NOTSET:
                raise ImproperlyConfigured(f"{var} is not set.") from None
            return default
        return cast(text) if callable(cast) else text

    # --- Plain values -----------------------------------------------------------------------------

    def bool(self, var: str, default: Any = NOTSET) -> Any:
        def read(text: str) -> Any:
            if text.lower() not in TRUE | FALSE:
                raise ImproperlyConfigured(f"{var} is neither true nor false.")
            return text.lower() in TRUE

        return self.get_value(var, cast=read, default=default)

    def int(self, var: str, default: Any = NOTSET, *, least: Bound = 0, most: Bound = LARGEST) -> Any:
        return self.get_value(var, cast=_number(var, int, WHOLE, least, most), default=default)

    def float(self, var: str, default: Any = NOTSET, *, least: Bound = 0, most: Bound = math.inf) -> Any:
        return self.get_value(var, cast=_number(var, float, DECIMAL, least, most), default=default)

    def seconds(self, var: str, default: Any = NOTSET, *, most: Bound = A_DAY) -> Any:
        """A number of seconds above zero."""
        return self.float(var, default=default, least=0.001, most=most)

    def count_or_bool(self, var: str, default: Any = NOTSET, *, most: Bound) -> Any:
        """A number; true means 1 and false 0, for a variable that used to be one of them."""

        def read(text: str) -> Any:
            if text.lower() in TRUE | FALSE:
                return int(text.lower() in TRUE)
            return _number(var, int, WHOLE, 0, most)(text)

        return self.get_value(var, cast=read, default=default)

    def choice(self, var: str, among: Collection[str], default: Any = NOTSET) -> Any:
        """One of `among`, ignoring case."""
        known = {word.lower(): word for word in among}

        def read(text: str) -> str:
            if text.lower() not in known:
                raise ImproperlyConfigured(f"{var} must be one of {', '.join(among)}.")
            return known[text.lower()]

        return self.get_value(var, cast=read, default=default)

    # --- Lists ------------------------------------------------------------------------------------

    def hosts(self, var: str, default: Any = NOTSET) -> Any:
        """Names or addresses without scheme and port, separated by commas.

        `.example.com` includes its subdomains, `*` is any host.
        """

        def read(text: str) -> Any:
            return [_in_brackets(_host(var, one, also=("*",))) for one in _parts(var, text)]

        return self.get_value(var, cast=read, default=default)

    def host(self, var: str, default: Any = NOTSET) -> Any:
        """One name or address, without a port."""
        return self.get_value(var, cast=lambda text: _host(var, text), default=default)

    def origins(self, var: str, default: Any = NOTSET) -> Any:
        """`scheme://host:port` as browsers send it, separated by commas."""

        def read(text: str) -> Any:
            return [_http_url(var, one, bare=True).rstrip("/") for one in _parts(var, text)]

        return self.get_value(var, cast=read, default=default)

    def people(self, var: str) -> Any:
        """Names and addresses, as in ``Olive <olive@bookbag.test>, oscar@bookbag.test``; none when unset."""
        return self.get_value(var, cast=lambda text: _people(var, text), default=[])

    def person(self, var: str, default: Any = NOTSET) -> Any:
        """One address, with or without a name, as text for a mail header."""

        def read(text: str) -> str:
            if len(_people(var, text)) != 1:
                raise ImproperlyConfigured(f"{var} is malformed; write one address.")
            return text

        return self.get_value(var, cast=read, default=default)

    def mail_address(self, var: str) -> Any:
        """One address without a name; empty when unset."""

        def read(text: str) -> str:
            if _people(var, text) != [("", text)]:
                raise ImproperlyConfigured(f"{var} is malformed; write one address alone, without a name.")
            return text

        return self.get_value(var, cast=read, default="")

    # --- Addresses --------------------------------------------------------------------------------

    def http_url(self, var: str, default: Any = NOTSET, *, credentials: Any = False) -> Any:
        """An http or https address without a trailing slash. `credentials`: user and password are allowed in it."""

        def read(text: str) -> str:
            return _http_url(var, text, credentials=credentials).rstrip("/")

        return self.get_value(var, cast=read, default=default)

    def web_page(self, var: str) -> Any:
        """The http or https address of a page for people, unchanged; empty when unset."""
        return self.get_value(var, cast=lambda text: _http_url(var, text, query=True), default="")

    def certificates(self, var: str) -> Any:
        """The path of a PEM file of certificates; empty when unset."""

        def read(text: str) -> str:
            try:
                ssl.create_default_context(cafile=text)
            except (OSError, ValueError):
                raise ImproperlyConfigured(f"{var} names a file that holds no certificates.") from None
            return text

        return self.get_value(var, cast=read, default="")

    def db_url(self, var: str = "DATABASE_URL", default: Any = NOTSET, engine: Any = None) -> Any:
        if self.ENVIRON.is_blank(var) and f"{var}_FILE" not in self.ENVIRON.env:
            # A blank value is an error here, because the default database would silently be used instead of the
            # intended one.
            raise ImproperlyConfigured(f"{var} is set but blank; give the address or leave it out.")
        return self.database(var, self.get_value(var, default=default))

    def database(self, var: str, text: str) -> Any:
        """Django's settings for the database at the address `text`. `var`: the variable's name, for errors."""
        problem = _problem(text)
        if problem:
            raise ImproperlyConfigured(f"{var} {problem}")
        return self.db_url_config(text if text == "sqlite://:memory:" else _database_url(var, text))

    def postgres_url(self, var: str) -> Any:
        """The address of a PostgreSQL database in libpq's form; empty when unset."""

        def read(text: str) -> str:
            if not _database_url(var, text).startswith(("postgres://", "postgresql://")):
                raise ImproperlyConfigured(f"{var} must begin with postgres://.")
            return text

        return self.get_value(var, cast=read, default="")

    def cache_url(self, var: str = "CACHE_URL", default: Any = NOTSET, backend: Any = None) -> Any:
        text = self.get_value(var, default=default)
        kind = _split(var, text).scheme
        if kind not in CACHES:
            raise ImproperlyConfigured(
                f"{var} must begin with one of {', '.join(f'{one}://' for one in CACHES)}."
            )
        if CACHES[kind] and find_spec(CACHES[kind]) is None:
            raise ImproperlyConfigured(
                f"{var} needs the Python package {CACHES[kind]}, which is not installed."
            )
        found = self.cache_url_config(text)
        if not found["LOCATION"] and kind != "locmemcache":
            raise ImproperlyConfigured(f"{var} names no place after its ://.")
        figures = {**found, **found.get("OPTIONS", {})}
        for name in ("TIMEOUT", "MAX_ENTRIES", "CULL_FREQUENCY"):
            if not isinstance(figures.get(name), int | None):
                raise ImproperlyConfigured(f"{var} is malformed: its {name.lower()} is not a number.")
        return found

    def email_url(self, var: str = "EMAIL_URL", default: Any = NOTSET, backend: Any = None) -> Any:
        text = self.get_value(var, default=default)
        parts = _split(var, text)
        if parts.scheme not in MAILS:
            raise ImproperlyConfigured(
                f"{var} must begin with one of {', '.join(f'{one}://' for one in MAILS)}."
            )
        if parts.scheme in MAIL_PORTS and not parts.hostname:
            raise ImproperlyConfigured(f"{var} names no host.")
        if parts.query:
            # Unknown options would be ignored, so with ?ssl=true a password would be sent unencrypted.
            raise ImproperlyConfigured(
                f"{var} takes no options after a ?; TLS is said by smtp+tls:// or smtp+ssl://."
            )
        found = {name: value for name, value in self.email_url_config(text).items() if value is not None}
        return {"EMAIL_PORT": MAIL_PORTS.get(parts.scheme, 25)} | found


# --- Checks of a text -------------------------------------------------------------------------------


def _number(var: str, kind: type, shape: re.Pattern[str], least: Bound, most: Bound) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        if not shape.fullmatch(text):
            raise ImproperlyConfigured(f"{var} is malformed: it does not read as {kind.__name__}.")
        number = kind(text)
        if not least <= number <= most or not math.isfinite(number):
            bounds = f"at least {least:g}" if math.isinf(most) else f"from {least:g} to {most:g}"
            raise ImproperlyConfigured(f"{var} is out of range: it must be {bounds}.")
        return number

    return read


def _parts(var: str, text: str) -> list[str]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise ImproperlyConfigured(f"{var} is set but names nothing; leave it out or name some.")
    return parts


def _in_brackets(host: str) -> str:
    """An IPv6 address in the form of a Host header."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _host(var: str, text: str, also: Collection[str] = ()) -> str:
    if text in also or HOST_NAME.fullmatch(text.removeprefix(".") if also else text):
        return text
    try:
        ip_address(text[1:-1] if text.startswith("[") and text.endswith("]") else text)
    except ValueError:
        raise ImproperlyConfigured(
            f"{var} is malformed; write names or addresses alone, without scheme, port or path."
        ) from None
    return text


def _people(var: str, text: str) -> list[tuple[str, str]]:
    found = getaddresses([text])
    try:
        for _, address in found:
            validate_email(address)
    except ValidationError:
        raise ImproperlyConfigured(f"{var} is malformed; write addresses, separated by commas.") from None
    return found


def _split(var: str, text: str) -> SplitResult:
    """The parts of an address. The error for an invalid one does not quote it, because it may contain a password."""
    try:
        parts = urlsplit(text)
        readable = parts.port != 0 and not any(one.isspace() or one == "\\" for one in parts.netloc)
    except ValueError:
        readable = False
    if not readable or "#" in text or ("@" in parts.path and parts.scheme in WITH_HOSTS):
        raise ImproperlyConfigured(
            f"{var} is malformed: it does not read as scheme://user:password@host:port/path. "
            "A / ? # @ or blank in a name or a password is written with a percent sign: %2F %3F %23 %40 %20."
        )
    return parts


def _http_url(
    var: str, text: str, *, credentials: bool = False, bare: bool = False, query: bool = False
) -> str:
    parts = _split(var, text)
    if parts.scheme not in ("http", "https"):
        raise ImproperlyConfigured(f"{var} must begin with https:// or http://.")
    if not parts.hostname:
        raise ImproperlyConfigured(f"{var} names no host.")
    if parts.username is not None and not credentials:
        raise ImproperlyConfigured(f"{var} must not hold a user or a password.")
    if (parts.query and not query) or (bare and parts.path not in ("", "/")):
        raise ImproperlyConfigured(f"{var} must end after {'the host and port' if bare else 'the path'}.")
    return text


def _look_at_options(var: str, parts: SplitResult) -> None:
    """Raises ImproperlyConfigured for an option after the ? that would be ignored, or would break every connection."""
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if options and parts.scheme == "sqlite":
        raise ImproperlyConfigured(f"{var} takes no options after a ? for SQLite.")
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()} if options else set()
    for name, text in options.items():
        if name.upper() in DECIDED_HERE:
            raise ImproperlyConfigured(f"{var} has an option after its ? that Bookbag decides by itself.")
        if name not in known and name.upper() not in DJANGOS:
            raise ImproperlyConfigured(f"{var} has an option after its ? that PostgreSQL does not know.")
        if (
            (name in OF_FEW_VALUES and text not in OF_FEW_VALUES[name])
            or (name in NUMBERS and not WHOLE.fullmatch(text))
            or (name in FILES and text != "system" and not Path(text).is_file())
        ):
            raise ImproperlyConfigured(f"{var} has an option {name} with a value that cannot be used.")


def _database_url(var: str, text: str) -> str:
    scheme, _, rest = text.partition("://")
    _, at, hosts = rest.partition("/")[0].rpartition("@")
    if "," in hosts:  # several hosts: a primary and its standbys
        for host in hosts.split(","):
            _split(var, f"{scheme}://{host}")
        return _database_url(var, text.replace(f"{at}{hosts}", f"{at}{hosts.split(',')[0]}", 1)) and text
    parts = _split(var, text)
    if parts.scheme not in DATABASES:
        raise ImproperlyConfigured(f"{var} must begin with sqlite:/// or postgres://.")
    if parts.scheme == "sqlite" and parts.netloc:
        raise ImproperlyConfigured(f"{var} must have three slashes and then the path: sqlite:///path.")
    if not parts.path.strip("/"):
        raise ImproperlyConfigured(f"{var} names no database.")
    _look_at_options(var, parts)
    return text
