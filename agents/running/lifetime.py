"""What a server process does for replies from start to end, apart from answering requests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from agents.running import database, instances, pulse, runs, sweeper
from llm import upkeep


@contextlib.asynccontextmanager
async def at_work() -> AsyncIterator[None]:
    """Run the background tasks of a server until the end of the block; then end the replies that still run, and leave.

    bookbag/server/serving.py has already waited for running replies before this; those that are left end uncharged.
    """
    duties = (
        pulse.beat_forever(),
        pulse.show_life_forever(),
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
    # Counts of opened keys since the last sweep exist only in this process's memory.
    await sweeper.attempt(upkeep.run)
    await sweeper.attempt(instances.leave)
    await database.close()
