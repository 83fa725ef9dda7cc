"""SUPPORT_EMAIL: the address at which people reach the operators, if one is set.

Sentences that send people to the operators include it; without SUPPORT_EMAIL the same sentences stand without an
address.
"""

from django.conf import settings


def operator() -> str:
    """The subject of a sentence about an operator's task: "An operator (help@example.com)"."""
    return f"An operator ({settings.SUPPORT_EMAIL})" if settings.SUPPORT_EMAIL else "An operator"


def at_support() -> str:
    """The text after "the operators" in a sentence: " at help@example.com" with a leading blank, or nothing."""
    return f" at {settings.SUPPORT_EMAIL}" if settings.SUPPORT_EMAIL else ""
