"""`make eval`: how well an agent finds and answers, in figures, on the half of the questions that nothing was tuned on.

Runs on an empty SQLite database in memory, or on the empty database that DATABASE_URL names; calls no model and no network.
"""

import argparse
import base64
import os
import sys

from bench.answers import corpus


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.answers", description=__doc__)
    parser.add_argument("--half", choices=corpus.PARTS, default="reported", help="or the set of other trades")
    parser.add_argument(
        "--misses", action="store_true", help="list what was not found, refused or answered wrongly"
    )
    parser.add_argument(
        "--passages", type=int, metavar="N", help="measure instead how long it takes with so many passages"
    )
    parser.add_argument(
        "--embeddings",
        choices=("off", "wordllama"),
        default="off",
        help="find by meaning as well (the setting)",
    )
    options = parser.parse_args()
    if options.misses and options.half == "reported":
        parser.error("the reported half is not looked into: what it misses is not what to tune by")
    return options


def main() -> int:
    options = arguments()
    secrets = {"SECRET_KEY": os.urandom(48), "VAULT_KEYS": os.urandom(32)}
    texts = {name: base64.b64encode(secret).decode() for name, secret in secrets.items()}
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "bookbag.settings",
        "ENV_FILE": "/dev/null",
        "DATABASE_URL": os.environ.get("DATABASE_URL", "sqlite://:memory:"),
        "SECRET_KEY": texts["SECRET_KEY"],
        "VAULT_KEYS": f"k1:{texts['VAULT_KEYS']}",
        "EMBEDDINGS": options.embeddings,
    }
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    # Imported late: they need Django.
    from bench.answers import evaluation

    if options.passages:
        print(evaluation.pace(options.passages))
    else:
        print(evaluation.report(options.half, with_misses=options.misses))
    return 0


if __name__ == "__main__":
    sys.exit(main())
