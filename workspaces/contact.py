"""Whom people can turn to: the address that is answered by whoever runs this Bookbag, where one is set.

Sentences that send people to the operators say where to write; without SUPPORT_EMAIL they read as they did.
"""

from django.conf import settings


def operator() -> str:
    """The beginning of a sentence about what an operator has to do: "An operator (help@example.com)"."""
    return f"An operator ({settings.SUPPORT_EMAIL})" if settings.SUPPORT_EMAIL else "An operator"


def at_support() -> str:
    """To follow "the operators" in a sentence: " at help@example.com", with the blank before it, or nothing."""
    return f" at {settings.SUPPORT_EMAIL}" if settings.SUPPORT_EMAIL else ""
