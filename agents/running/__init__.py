"""Running a reply, from one press of Send to its settlement.

All other code imports this package only from here.

    draft    the request that a message would make, for the prompt inspector (planning.py)
    accept   plan a reply (planning.py), store it with its hold (storing.py) or refuse it (accepting.py), start its run (runs.py)
    watch    the events of a reply, whichever process runs it (watching.py)
    stop     end a reply early, whichever process runs it
    end_all_of  end the running replies of a suspended or deleted workspace, uncharged (ending.py)
    sweep    end replies that lost their lease (sweeper.py)
    at_work  the server's background tasks: heartbeat, sweep, watch for dead processes (lifetime.py)
    my_turn  let one of many processes take a periodic duty (duties.py)

A run settles without being told to (unsettled.py, settlement.py).
"""

from uuid import UUID

from agents.running import accepting, admission, database, heartbeat, runs
from agents.running.accepting import QUESTION_CHARACTERS, draft
from agents.running.admission import Caller
from agents.running.duties import my_turn
from agents.running.ending import end_all_of
from agents.running.leases import live_leases, replies_are
from agents.running.lifetime import at_work
from agents.running.planning import Draft
from agents.running.runs import Run, count, end_all
from agents.running.submission import AcceptedReply, Existing, Submission
from agents.running.sweeper import sweep
from agents.running.watching import More, frame, resume_point, watch, watch_run
from workspaces.models import Role

__all__ = [
    "QUESTION_CHARACTERS",
    "AcceptedReply",
    "Caller",
    "Draft",
    "Existing",
    "More",
    "Run",
    "Submission",
    "accept",
    "at_work",
    "count",
    "draft",
    "end_all",
    "end_all_of",
    "frame",
    "live_leases",
    "my_turn",
    "replies_are",
    "resume_point",
    "stop",
    "sweep",
    "to_reply",
    "watch",
    "watch_run",
]


async def accept(send: Submission) -> tuple[AcceptedReply | Existing, Run | None]:
    """Store what was sent and start working on it; None in the run's place where the same press came before.

    Raises ReplyRefused, and then nothing is stored.
    """
    accepted = await database.run(accepting.accept, send)
    return accepted, runs.launch(accepted) if isinstance(accepted, AcceptedReply) else None


async def to_reply(
    *, session_key: str, slug: str, reply_id: UUID, needs: Role = Role.VIEWER, to_read: bool = False
) -> tuple[Caller, int | None]:
    """Who asks for a reply, and the id of the member it belongs to. Raises ReplyRefused for those who may not."""
    return await database.run(
        admission.to_reply,
        session_key=session_key,
        slug=slug,
        reply_id=reply_id,
        needs=needs,
        to_read=to_read,
    )


async def stop(reply_id: UUID) -> None:
    """End a running reply as soon as it can be; its text so far is kept. Nothing happens to one that has ended."""
    run = runs.find(reply_id)
    if run:
        run.stop()
    else:
        await database.run(heartbeat.request_stop, reply_id)
