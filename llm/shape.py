"""The form of providers' keys: enough to notice a wrong paste, without interpreting the key.

No message repeats a character of what was pasted.
"""

from llm import credentials
from llm.providers import roster
from llm.providers.roster import KeyedProvider

SHORTEST, LONGEST = 20, 512
# A shorter key shows no tail, because four characters would reveal too much of it.
SHORTEST_WITH_TAIL = 20
MASK_CHARACTERS = "…•●*"


def owner_of(text: str) -> KeyedProvider | None:
    """The provider whose prefix `text` has.

    The longest prefix decides, because one provider's prefix starts with another's.

    A provider without a prefix matches no text; otherwise every text would be one of its keys.
    """
    owners = [one for one in roster.KEYED if one.key_prefix and text.startswith(one.key_prefix)]
    return max(owners, key=lambda one: len(one.key_prefix), default=None)


def may_be_secret(text: str) -> bool:
    """Whether `text`, found in a field for something else, may be a secret and must be neither stored nor shown."""
    text = text.strip()[:LONGEST]
    return any(map(_is_secret, (text, credentials.unwrapped(text))))


def _is_secret(text: str) -> bool:
    if owner_of(text) is not None:
        return len(text) >= SHORTEST
    return credentials.sort_of(text) is not None and credentials.is_random(text)


def runs_replies(text: str) -> bool:
    """Whether `text` may be sent to a provider: it fits into a header, and is no credential of another sort."""
    return is_wire_safe(text) and credentials.sort_of(text) is None


def is_wire_safe(text: str) -> bool:
    """Whether `text` can be put into an HTTP header unchanged: printable ASCII, no blanks, not too long.

    Header libraries quote an invalid value in their error, which would put the key into logs.
    """
    return 0 < len(text) <= LONGEST and all(0x21 <= ord(character) <= 0x7E for character in text)


def problem(text: str, provider: str) -> str | None:
    """Why `text` cannot be a key of `provider`, worded for the person who pasted it; None if it can."""
    own = roster.named(provider)
    name = own.label
    no_key = f"This does not look like {roster.with_article(name)} key"
    if any(character in text for character in MASK_CHARACTERS):
        return f"This is a mask, not the key itself. Copy the whole key from your {name} account."
    if "://" in text:
        begins = f" The key itself begins with {own.key_prefix}." if own.key_prefix else ""
        return f"{no_key}: it is a web address.{begins}"
    owner = owner_of(text)
    sort = credentials.sort_of(text if owner else credentials.unwrapped(text))
    if sort is not None:
        return f"{sort.words} {_right_one(own)}"
    around = credentials.wrapping(text) if owner is None else None
    if around is not None:
        return f"{no_key}: {around}. Paste the key alone."
    if not is_wire_safe(text) and len(text) <= LONGEST:
        return f"{no_key}: it has blanks, line breaks or characters that no key has. Copy it again."
    # Two providers may have the same prefix.
    if owner is not None and owner.key_prefix != own.key_prefix:
        return f"{no_key}: it begins like one of {owner.label}. Paste it into the {owner.label} card."
    if owner is None and own.key_prefix:
        return f"{no_key}: one begins with {own.key_prefix}."
    if not SHORTEST <= len(text) <= LONGEST:
        return f"{no_key}: one has between {SHORTEST} and {LONGEST} characters. Copy the whole key and nothing else."
    return None


def _right_one(own: KeyedProvider) -> str:
    begins = f"; it begins with {own.new_key_prefix}" if own.new_key_prefix else ""
    return f"Make an API key in your {own.label} account{begins}."


def mask_parts(text: str, provider: str) -> tuple[str, str]:
    """The prefix and tail that make the mask of `text`; no tail when it is short."""
    prefix = roster.named(provider).key_prefix
    shown = prefix if text.startswith(prefix) else ""
    return shown, text[-4:] if len(text) >= SHORTEST_WITH_TAIL else ""
