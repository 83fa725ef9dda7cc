"""The LLM settings page as its tests ask for it, and the keys that they put there."""

from llm import keys
from llm.models import ProviderKey
from llm.providers import roster
from llm.vault import Secret

Health = ProviderKey.Health
PASTED = "sk-proj-PaStEdKeYxQ7vJ2mNw8ZrT4pLc6sYd1fBk3hG5"
PAGE = "/w/acme/settings/llm/"


def put(cast, plaintext=PASTED, *, provider="openai", found=Health.VALID):
    return keys.replace(cast.acme, provider=provider, secret=Secret(plaintext), by=cast.adam, found=found)


def put_platform_keys(cast):
    for one in roster.KEYED:
        secret = Secret(one.key_prefix + "platform" * 4)
        keys.replace(None, provider=one.name, secret=secret, by=cast.oscar)


def said(response) -> str:
    return " ".join(str(message) for message in response.context["messages"])
