"""The export of a person's own data as JSON, made in parts, so that any amount uses little memory.

It contains no secrets: no password hash, cookie or secret of a second factor. Content of a workspace (answers and
details of acts) is included only while the person may still read it there.
"""

import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from asgiref.sync import sync_to_async
from django.db.models import Model, QuerySet

from agents.models import Reply, ReplyRating
from workspaces import second_factors
from workspaces.models import AuditEvent, Notice, User

# Rows fetched at a time. Few, because an answer may have 256 KiB.
AT_ONCE = 20


async def as_json(person: User) -> AsyncIterator[str]:
    """One object: the person, their memberships, and what they asked, rated and did."""
    head = await sync_to_async(_head)(person)
    yield json.dumps(head, ensure_ascii=False, indent=1)[:-2]
    for name, rows, row in await sync_to_async(_lists)(person):
        yield f',\n "{name}": ['
        separator = "\n  "
        async for one in _each(rows):
            yield separator + json.dumps(row(one), ensure_ascii=False)
            separator = ",\n  "
        yield "\n ]"
    yield "\n}\n"


def _head(person: User) -> dict[str, Any]:
    addresses = EmailAddress.objects.filter(user=person).order_by("pk")
    factors = Authenticator.objects.filter(user=person).order_by("pk")
    return {
        "e-mail": person.email,
        "name": person.name,
        "time_zone": person.time_zone or "UTC",
        "theme": person.theme or "system",
        "joined_at": person.date_joined.isoformat(),
        "last_signed_in_at": person.last_login and person.last_login.isoformat(),
        "addresses": [
            {"e-mail": one.email, "confirmed": one.verified, "primary": one.primary} for one in addresses
        ],
        "second_factors": [{"kind": one.type, "added_at": one.created_at.isoformat()} for one in factors],
        "identities": [
            {
                "issuer": one.issuer,
                "subject": one.subject,
                "e-mail": one.address,
                "since": one.created_at.isoformat(),
            }
            for one in person.identities.order_by("created_at")
        ],
        "memberships": [
            {"workspace": one.workspace.slug, "name": one.workspace.name, "role": one.role}
            for one in person.memberships.select_related("workspace").order_by("pk")
        ],
    }


def _lists(person: User) -> list[tuple[str, QuerySet[Any], Callable[[Any], dict[str, Any]]]]:
    open_to = _open_to(person)
    replies = Reply.objects.filter(member=person, conversation__deleted_at=None)
    acts = AuditEvent.objects.filter(actor=person)
    return [
        ("replies", replies.select_related("workspace").defer("html"), partial(_reply, open_to)),
        ("notices", Notice.objects.filter(person=person), partial(_notice, open_to)),
        ("ratings", ReplyRating.objects.filter(member=person), _rating),
        ("acts", acts.select_related("workspace"), partial(_act, open_to)),
    ]


def _open_to(person: User) -> set[int]:
    """The ids of the workspaces that the person may read now."""
    found = person.memberships.annotate(has_second_factor=second_factors.exists_for("user_id"))
    return {
        member.workspace_id
        for member in found.select_related("workspace")
        if member.has_second_factor or not member.workspace.second_factor_required
    }


def _reply(open_to: set[int], reply: Reply) -> dict[str, Any]:
    return {
        "workspace": reply.workspace.slug,
        "conversation": str(reply.conversation_id or ""),
        "asked_at": reply.created_at.isoformat(),
        "question": reply.question,
        "answer": reply.text if reply.workspace_id in open_to else None,
        "model": reply.model_name,
        "charged": reply.charged,
    }


def _notice(open_to: set[int], notice: Notice) -> dict[str, Any]:
    readable = notice.workspace_id is None or notice.workspace_id in open_to
    return {
        "at": notice.created_at.isoformat(),
        "kind": notice.kind,
        "text": notice.text if readable else None,
    }


def _rating(rating: ReplyRating) -> dict[str, Any]:
    return {
        "reply": str(rating.reply_id),
        "value": rating.value,
        "reason": rating.reason,
        "note": rating.note,
    }


def _act(open_to: set[int], event: AuditEvent) -> dict[str, Any]:
    return {
        "at": event.created_at.isoformat(),
        "workspace": event.workspace.slug if event.workspace else None,
        "action": event.action,
        "from": event.address,
        "details": event.data if event.workspace_id is None or event.workspace_id in open_to else None,
    }


async def _each(rows: QuerySet[Any]) -> AsyncIterator[Model]:
    last: Any = None
    while page := await sync_to_async(_page)(rows, last):
        for one in page:
            yield one
        last = page[-1].pk


def _page(rows: QuerySet[Any], last: Any) -> list[Any]:
    found = rows if last is None else rows.filter(pk__gt=last)
    return list(found.order_by("pk")[:AT_ONCE])
