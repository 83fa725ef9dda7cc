"""The product's settings with a few changes that make tests quick and quiet; the live server runs the real ones."""

import os
from pathlib import Path

from bookbag.settings import *  # noqa: F403
from bookbag.settings import DATABASES, LOGGING, STORAGES

# Argon2 as in the product, at its smallest cost: what it stores, the real server can verify.
PASSWORD_HASHERS = ["tests.harness.passwords.QuickArgon2PasswordHasher"]
# The manifest needs a collectstatic, which only the live server's fixture runs.
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
# Each test client's middleware looks through the directory: this one stays empty, the live server has the files.
STATIC_ROOT = Path(os.environ["BOOKBAG_TEST_DIR"]) / "no-static"
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["TEST"] = {"NAME": f"{os.environ['BOOKBAG_TEST_DIR']}/test.sqlite3"}
LOGGING["loggers"] |= {"httpx": {"level": "WARNING"}}  # type: ignore[operator]
