"""Regular maintenance of the vault, run by the server's sweep loop and by `vault_upkeep`."""

import logging
from dataclasses import dataclass

from llm import keys, ring, unseals

logger = logging.getLogger(__name__)
# The problems of the ring that this process has logged, so that a lasting one is logged once, not every minute.
_told: set[str] = set()


@dataclass(frozen=True, slots=True)
class Upkeep:
    wiped: int  # retired keys that were wiped
    counted: int  # openings stored
    reported: int  # audit events about openings


def run() -> Upkeep:
    """Wipe keys that can no longer be restored, store the counts of openings, audit past days.

    Safe to run in any process at any time.

    Logs each problem with VAULT_KEYS the first time that this process sees it.
    """
    _tell(ring.problems())
    return Upkeep(wiped=keys.wipe_retired(), counted=unseals.flush(), reported=unseals.report())


def _tell(problems: list[str]) -> None:
    for problem in problems:
        if problem not in _told:
            logger.error(problem)
    _told.clear()
    _told.update(problems)
