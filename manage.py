#!/usr/bin/env python
"""Bookbag's command line."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookbag.settings")
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        if sys.argv[1:2] == ["quickstart"]:
            from bookbag.configuration import dotenv

            dotenv.complete()
        # Loaded here, so that a bad setting is a sentence and not a traceback.
        _ = settings.SECRET_KEY
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Bookbag does not start: {error}")


if __name__ == "__main__":
    main()
