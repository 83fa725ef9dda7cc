"""What the vault needs done every so often; the server's sweep loop and `vault_upkeep` call it."""

from dataclasses import dataclass

from llm import keys, unseals


@dataclass(frozen=True, slots=True)
class Upkeep:
    wiped: int  # retired keys whose sealed bytes are gone now
    counted: int  # openings written down
    reported: int  # audit events about openings


def run() -> Upkeep:
    """Wipe what can no longer be restored, write down the openings, report past days. Safe to run anywhere, anytime."""
    return Upkeep(wiped=keys.wipe_retired(), counted=unseals.flush(), reported=unseals.report())
