"""Exporting a conversation as a file: Markdown for people, JSON for scripts. Made a few turns at a time.

Each turn has the member who asked, the chat model, who paid, the cost and the time. Neither format contains masks of
keys. A running answer is included as far as it is stored, and marked as unfinished.
"""

import json
import re
import unicodedata
from collections.abc import AsyncIterator
from typing import Any

from asgiref.sync import sync_to_async

from agents import paging, payers
from agents.models import Conversation, Reply

# Turns fetched at a time: enough to be fast, few enough to use little memory, since an answer may have 256 KiB.
AT_ONCE = 20
UNFINISHED = (
    "Still being answered: this is what was stored when this file was made. Save it again once it is done."
)
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")


def file_name(title: str, conversation: Conversation, ending: str) -> str:
    """A file name such as "refunds-and-returns-2026-11-26.md": only letters, digits and hyphens of the title."""
    plain = unicodedata.normalize("NFKD", title[:60]).encode("ascii", "ignore").decode().lower()
    name = _NOT_IN_A_NAME.sub("-", plain).strip("-") or "conversation"
    return f"{name}-{conversation.created_at:%Y-%m-%d}.{ending}"


async def as_markdown(conversation: Conversation, title: str) -> AsyncIterator[str]:
    """The current turns of the conversation, a section for each, with unchanged texts."""
    yield f"# {title}\n\nWith {conversation.agent.name}, in {conversation.agent.workspace.name}.\n"
    async for reply, given_back in _turns(conversation):
        yield _section(reply, given_back)


async def as_json(conversation: Conversation, title: str) -> AsyncIterator[str]:
    head = {
        "conversation": str(conversation.pk),
        "title": title,
        "agent": {"id": str(conversation.agent_id), "name": conversation.agent.name},
        "workspace": conversation.agent.workspace.slug,
        "started": conversation.created_at.isoformat(),
    }
    yield f'{json.dumps(head, ensure_ascii=False)[:-1]}, "turns": ['
    separator = "\n"
    async for reply, given_back in _turns(conversation):
        yield separator + json.dumps(_turn(reply, given_back), ensure_ascii=False)
        separator = ",\n"
    yield "\n]}\n"


async def _turns(conversation: Conversation) -> AsyncIterator[tuple[Reply, int]]:
    """The turns, each with the credits that were given back."""
    last: Reply | None = None
    while page := await sync_to_async(_page)(conversation, last):
        back = await sync_to_async(payers.given_back)(page)
        for reply in page:
            yield reply, back.get(reply.pk, 0)
        last = page[-1]


def _page(conversation: Conversation, last: Reply | None) -> list[Reply]:
    """The next turns after `last`, oldest first, without earlier versions."""
    turns = conversation.replies.filter(superseded_by=None).select_related("member")
    if last:
        turns = turns.filter(paging.later_than(last.pk))
    return list(turns.order_by("created_at", "pk").defer("html")[:AT_ONCE])


def _section(reply: Reply, given_back: int) -> str:
    told = [
        reply.model_name,
        payers.badge(reply, given_back=given_back).words,
        "" if reply.is_running else f"paid by: {payers.payer(reply, given_back=given_back).words}",
        reply.get_ending_display() or reply.get_state_display(),
        f"{reply.created_at:%Y-%m-%d %H:%M} UTC",
    ]
    # The question is quoted, so that Markdown in it does not affect what follows.
    asked = "\n".join(f"> {line}" for line in reply.question.splitlines())
    unfinished = f"**{UNFINISHED}**" if reply.is_running else ""
    told_of = f"*{' · '.join(filter(None, told))}*"
    parts = [f"## {_asker(reply)}", asked, reply.text.strip(), unfinished, _sources(reply), told_of]
    return "\n" + "\n\n".join(filter(None, parts)) + "\n"


def _sources(reply: Reply) -> str:
    """The sources of the marks in the answer, one line each: "[1] Handbook, Opening hours"."""
    lines = [
        f"\\[{number}] {', '.join(filter(None, [one.get('title'), one.get('heading')]))}"
        for number, one in enumerate(_cited(reply), start=1)
    ]
    return "  \n".join(lines)


def _cited(reply: Reply) -> list[dict[str, str]]:
    """The sources that the page shows under the answer: none while it runs or if it failed."""
    return [] if reply.is_running or reply.state == Reply.State.FAILED else reply.sources


def _asker(reply: Reply) -> str:
    return reply.member.email if reply.member else "A former member"


def _turn(reply: Reply, given_back: int) -> dict[str, Any]:
    return {
        "reply": str(reply.pk),
        "asked_by": reply.member.email if reply.member else None,
        "question": reply.question,
        "answer": reply.text,
        "is_unfinished": reply.is_running,
        "state": reply.state,
        "ending": reply.ending,
        "model": reply.model_name,
        "model_id": reply.model_id,
        "billing": reply.billing,
        "paid_by": payers.payer(reply, given_back=given_back).words,
        "price": reply.price,
        "charged": reply.charged,
        "given_back": given_back,
        "asked_at": reply.created_at.isoformat(),
        "done_at": reply.done_at and reply.done_at.isoformat(),
        "sources": [{"title": one.get("title"), "heading": one.get("heading")} for one in _cited(reply)],
    }
