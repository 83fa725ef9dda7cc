"""What a server process does for replies from its start to its end, beside answering requests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from agents.running import database, instances, runs, sweeper
from llm import upkeep


@contextlib.asynccontextmanager
async def at_work() -> AsyncIterator[None]:
    """Keep the duties of a server until the end of the block; then free what still runs, and leave.

    Whoever serves has given the running replies their time (bookbag/server/serving.py): those that are left end uncharged.
    """
    duties = (
        runs.heartbeat_forever(),
        runs.show_life_forever(),
        sweeper.sweep_forever(),
        sweeper.look_after_others_forever(),
    )
    tasks = [asyncio.create_task(duty) for duty in duties]
    try:
        yield
        await runs.end_all()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    # Openings of keys counted since the last sweep are in this process's memory alone.
    await sweeper.attempt(upkeep.run)
    await sweeper.attempt(instances.leave)
    await database.close()
