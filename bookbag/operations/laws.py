"""All laws: those of the ledger alone, and those between the ledger and replies."""

from agents import laws as reply_laws
from billing import laws as ledger_laws


def broken_laws() -> list[str]:
    """The laws that do not hold right now, a sentence each."""
    return [*ledger_laws.broken_laws(), *reply_laws.broken_laws()]
