"""The secrets that the canary suite plants. They are new in every run, so that none can occur by chance.

Half of them contain the characters that JSON, HTML, URLs and Python's repr escape; the others look like a provider's own.
The forms accept all of them.
"""

import os
import random
import string
from functools import cache

from llm import credentials
from llm.providers import roster
from tests.canary.scanner import Scanner, is_distinctive
from tests.provider_double.auth import WORD

PLAIN = string.ascii_letters + string.digits
ODD = "\"&<>+%/\\'=;{}"
# Not the shared generator, because a run's seed makes that repeat, and a secret of an earlier run must not occur again.
_random = random.SystemRandom()


def new_secret(prefix: str, *, odd: bool = False) -> str:
    """About 250 bits in the shape of a provider key, which the forms and the double accept.

    By chance a secret can begin like a credential of another sort, or have a word that makes the double refuse it: of
    those with odd characters one in 75 has "ip" between two of them.
    """
    while True:
        body = [_random.choice(PLAIN) for _ in range(44)]
        if odd:
            for place, sign in zip(range(3, 44, 3), ODD, strict=False):
                body[place] = sign
        secret = prefix + "".join(body)
        if is_distinctive(secret) and not credentials.sort_of(secret) and not WORD.search(secret):
            return secret


def new_prompt() -> str:
    return "canary " + "".join(_random.choice(PLAIN) for _ in range(40))


def new_secrets(*, first_is_odd: bool, of_today: bool = False) -> dict[str, str]:
    """One secret for each provider; every other one in the roster has odd characters.

    `of_today`: they begin like the keys that the providers' websites make today.
    """
    return {
        one.name: new_secret(
            one.new_key_prefix if of_today else one.key_prefix, odd=(place % 2 == 0) == first_is_odd
        )
        for place, one in enumerate(roster.KEYED)
    }


ACME = new_secrets(first_is_odd=True)
# Acme's earlier keys, so that superseded rows exist too.
ACME_BEFORE = new_secrets(first_is_odd=False)
GLOBEX = new_secrets(first_is_odd=False, of_today=True)
PLATFORM = new_secrets(first_is_odd=True)
PROMPT = new_prompt()
ANSWER = new_prompt()

SECRETS = {
    f"{owner}'s {provider} secret": secret
    for owner, held in (
        ("Acme", ACME), ("Acme's former", ACME_BEFORE), ("Globex", GLOBEX), ("the platform", PLATFORM),
    )
    for provider, secret in held.items()
}  # fmt: skip
TALK = {"the prompt": PROMPT, "the answer": ANSWER}


def deployment_secrets() -> dict[str, str]:
    """The secrets in the environment: the KEK and Django's SECRET_KEY."""
    return {"the KEK": os.environ["VAULT_KEYS"].partition(":")[2], "SECRET_KEY": os.environ["SECRET_KEY"]}


@cache
def nowhere() -> Scanner:
    """A scanner for what no page, row, header, file or line may contain."""
    return Scanner(SECRETS | deployment_secrets())


@cache
def not_in_reports() -> Scanner:
    """A scanner that also looks for what may be in the database and on pages, but in no log, mail or error page."""
    return Scanner(SECRETS | deployment_secrets() | TALK)
