"""The `.env` file: read at every start; the first start adds generated secrets for variables that are not set.

Settings cannot load without the secrets, but whether a new KEK may be saved is known only after a look into the
database. So `manage.py quickstart` first sets them in this process (`complete`), and saves them to the file (`keep`)
after that look.
"""

import base64
import os
import re
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

PATH = Path(__file__).resolve().parents[2] / ".env"
OWNER_ONLY = 0o600
LINE = re.compile(r"(?:export )?(?P<name>[A-Za-z_][A-Za-z_0-9]*)=(?P<value>.*)")
ESCAPED = re.compile(r"\\(.)")
# Values that this process has generated and not yet saved.
made: dict[str, str] = {}


def _fresh() -> dict[str, str]:
    return {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "VAULT_KEYS": "k1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
        # The quick start serves plain HTTP on loopback, where cookies that require TLS would not work.
        "HTTPS": "false",
    }


def path() -> Path:
    return Path(os.environ.get("ENV_FILE") or PATH)


def read(file: Path) -> None:
    """Set the variables of `file` in this process, unless they are already set as NAME or NAME_FILE.

    A missing file sets none. Raises ImproperlyConfigured with the number of a line that is not `NAME=value`.
    """
    present = {name.removesuffix("_FILE") for name in os.environ if _is_set(name)}
    for name, value in _variables(file).items():
        if name.removesuffix("_FILE") not in present:
            os.environ[name] = value


def _is_set(name: str) -> bool:
    return bool(os.environ.get(name, "").strip())


def _variables(file: Path) -> dict[str, str]:
    try:
        # Some editors begin a file with a byte order mark, which is not part of the first name.
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError):
        raise ImproperlyConfigured(f"{file.name} cannot be read as text in UTF-8.") from None
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            name, value = _variable(line.strip(), f"{file.name}, line {number}")
            found[name] = value
    return found


def _variable(line: str, place: str) -> tuple[str, str]:
    match = LINE.fullmatch(line)
    if match is None:
        raise ImproperlyConfigured(f"{place} is not NAME=value, without blanks around the sign.")
    name, value = match["name"], match["value"]
    if not value.isprintable():
        raise ImproperlyConfigured(f"{place}: {name} holds a character that cannot be seen.")
    if value[:1] in ("'", '"'):
        if len(value) < 2 or value[-1] != value[0]:
            raise ImproperlyConfigured(f"{place}: {name} begins with a quote and does not end with it.")
        value = value[1:-1] if value[0] == "'" else ESCAPED.sub(r"\1", value[1:-1])
    return name, value


def complete() -> None:
    """Generate, in this process, each needed variable that neither environment nor file sets."""
    read(path())
    for name, value in _fresh().items():
        if not (_is_set(name) or _is_set(f"{name}_FILE")):
            os.environ[name] = made[name] = value


def keep() -> list[str]:
    """Append the generated variables to the file, readable only by its owner; returns their names."""
    if not made:
        return []
    file = path()
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    lines = "" if not before or before.endswith("\n") else "\n"
    lines += "".join(f"{name}={value}\n" for name, value in made.items())
    with open(
        file, "a", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, OWNER_ONLY)
    ) as out:
        out.write(lines)
    file.chmod(OWNER_ONLY)
    names = list(made)
    made.clear()
    return names
