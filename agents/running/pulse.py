"""What a server process does once a second: the heartbeat of its runs, and a sign of life of its own."""

import asyncio
import logging

from agents.running import announcements, database, heartbeat, instances, runs

log = logging.getLogger(__name__)

SECONDS = 1.0


async def beat_forever() -> None:
    """Store texts, renew leases and read stops once a second, for as long as the server lives."""
    while True:
        await asyncio.sleep(SECONDS)
        try:
            await _beat()
        except Exception as problem:  # without this loop all replies of this process lose their leases
            log.warning("heartbeat missed: %s", type(problem).__name__)


async def show_life_forever() -> None:
    """Register this process, so that others notice its end; while it has replies, write a sign of life each second.

    Apart from the heartbeat, which can be stuck with all other database threads, for example behind a locked
    account.
    """
    is_known = False
    while True:
        if runs.count() or not is_known:
            try:
                await database.run_apart(instances.beat)
                is_known = True
            except Exception as problem:  # its replies keep their leases meanwhile
                log.warning("no sign of life given: %s", type(problem).__name__)
        await asyncio.sleep(SECONDS)


async def _beat() -> None:
    running = runs.unfinished()
    if not running:
        return
    beats = [(run, beat) for run, beat in ((run, run.beat()) for run in running) if beat]
    if beats:
        await database.run(heartbeat.store, [beat for _, beat in beats])
        for run, beat in beats:
            run.stored(beat)
        announcements.announce(beat.accepted.reply_id for _, beat in beats if beat.text is not None)
    asked = await database.run(heartbeat.stops_requested, [run.accepted.reply_id for run in running])
    for reply_id in asked:
        wanted = runs.find(reply_id)
        if wanted:
            wanted.stop()
