"""The `.env` of a first start: fresh secrets for what nobody has set, added to the file and never replaced.

Settings cannot load without the secrets, and whether a fresh KEK may be kept is known only once the
database can be asked. So `manage.py quickstart` first puts them into this process (`complete`), and
keeps them in the file (`keep`) after it has looked.
"""

import base64
import os
import secrets
from pathlib import Path

from bookbag.environment import Environment

PATH = Path(__file__).resolve().parent.parent / ".env"
OWNER_ONLY = 0o600
# What this process made up and has not yet written.
made: dict[str, str] = {}


def _fresh() -> dict[str, str]:
    return {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "VAULT_KEYS": "k1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
        # The quick start serves plain HTTP on loopback; without this, cookies would ask for TLS.
        "HTTPS": "false",
    }


def path() -> Path:
    return Path(os.environ.get("ENV_FILE", PATH))


def complete() -> None:
    """Give this process a value for each needed variable that neither environment nor file has."""
    Environment.read_env(path())
    for name, value in _fresh().items():
        if name not in os.environ and f"{name}_FILE" not in os.environ:
            os.environ[name] = made[name] = value


def keep() -> list[str]:
    """Append what was made to the file, readable by its owner only; returns the variables' names."""
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
