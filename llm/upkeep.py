"""What the vault needs done every so often; the server's sweep loop and `vault_upkeep` call it."""

import logging
from dataclasses import dataclass

from llm import keys, ring, unseals

logger = logging.getLogger(__name__)
# What this process has already said of its ring, so that a lasting problem is one line and not one a minute.
_told: set[str] = set()


@dataclass(frozen=True, slots=True)
class Upkeep:
    wiped: int  # retired keys whose sealed bytes are gone now
    counted: int  # openings written down
    reported: int  # audit events about openings


def run() -> Upkeep:
    """Wipe what can no longer be restored, write down the openings, report past days. Safe to run anywhere, anytime.

    Logs what is wrong with VAULT_KEYS when it is new to this process: at start-up, that is, or on the day it happens.
    """
    _tell(ring.problems())
    return Upkeep(wiped=keys.wipe_retired(), counted=unseals.flush(), reported=unseals.report())


def _tell(problems: list[str]) -> None:
    for problem in problems:
        if problem not in _told:
            logger.error(problem)
    _told.clear()
    _told.update(problems)
