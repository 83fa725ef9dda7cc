"""Sending, watching and stopping a reply.

These three views serve scripts (JSON, event streams) and plain forms alike. For scripts, the server's express lane
(bookbag/server/express.py) calls them without the middleware stack, so they use nothing that middleware adds to the
request. Their addresses are in agents/chat_urls.py.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from agents import actions, refusals, running
from agents.errors import BadMessage, NoSuchPlace, NotYours, ReplyRefused
from agents.running import AcceptedReply, Existing, More, Run, Submission
from agents.views import playground
from agents.views.given import message_text, number_or_none, uuid_or_none
from workspaces.access import admits_itself
from workspaces.models import Role

Found = TypeVar("Found")

# A form without JavaScript gets its page when the reply is done, or after this many seconds with the text so far.
PATIENCE_SECONDS = 25.0
EVENT_STREAM = "text/event-stream"
# The content type by which our page asks for an event stream whose terminal event includes the finished turn.
FOR_THE_PAGE = f"{EVENT_STREAM};turn=html"


def wants(request: HttpRequest) -> str:
    """What a caller accepts: an event stream, JSON, or a page."""
    accept = request.headers.get("accept", "")
    return (
        EVENT_STREAM
        if EVENT_STREAM in accept
        else "application/json"
        if "application/json" in accept
        else "text/html"
    )


def _more(request: HttpRequest) -> More | None:
    return playground.ended if FOR_THE_PAGE in request.headers.get("accept", "") else None


def refused(refusal: ReplyRefused, slug: str, agent_id: UUID | None = None) -> JsonResponse:
    """A refusal for scripts, with the ways out that the caller may use."""
    ways = actions.of_refusal(refusal, slug=slug, agent_id=agent_id)
    return refusals.as_json(refusal.code, status=refusal.status, actions=ways, data=refusal.data)


@admits_itself(Role.EDITOR)
@require_POST
async def send_message(request: HttpRequest, slug: str, agent_id: UUID) -> HttpResponseBase:
    """Accept one message.

    Answers 202 with the address to watch, or the stream itself, or (for a form) the page with the reply.
    """
    try:
        # Django cancels the view if the sender leaves; a stored message runs all the same.
        accepted, run = await asyncio.shield(running.accept(_send(request, slug, agent_id)))
    except ReplyRefused as refusal:
        if wants(request) == "text/html":
            return await sync_to_async(playground.refused_page)(request, slug, agent_id, refusal)
        return refused(refusal, slug, agent_id)
    return await _answer(request, agent_id, accepted, run)


def _send(request: HttpRequest, slug: str, agent_id: UUID) -> Submission:
    form = request.POST
    return Submission(
        session_key=_session_key(request),
        slug=slug,
        agent_id=agent_id,
        text=message_text(form.get("text", "")),
        idempotency_key=form.get("idempotency_key", ""),
        conversation_id=_read(uuid_or_none, form.get("conversation"), NoSuchPlace()),
        instead_of=_read(uuid_or_none, form.get("instead_of"), NoSuchPlace()),
        chat_model_id=_read(number_or_none, form.get("chat_model"), NoSuchPlace()),
        # Our pages always send a number here.
        price_said=_read(number_or_none, form.get("price_said"), BadMessage("malformed")),
    )


def _read(read: Callable[[str], Found | None], text: str | None, otherwise: ReplyRefused) -> Found | None:
    """The value that `read` makes of `text`; None for an empty text. Raises `otherwise` if `read` returns None."""
    if not text:
        return None
    if (found := read(text)) is None:
        raise otherwise
    return found


def _session_key(request: HttpRequest) -> str:
    """The cookie's session key; empty for one that cannot be ours (with a NUL, say), which the database need not see."""
    session_key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    return session_key if session_key.isalnum() else ""


async def _answer(
    request: HttpRequest, agent_id: UUID, accepted: AcceptedReply | Existing, run: Run | None
) -> HttpResponseBase:
    where: dict[str, Any] = {
        "reply": str(accepted.reply_id),
        "conversation": str(accepted.conversation_id or ""),
        "stream": f"/w/{accepted.slug}/replies/{accepted.reply_id}/stream/",
    }
    wanted = wants(request)
    if wanted == "application/json":
        return JsonResponse(where, status=202)
    if wanted == EVENT_STREAM:
        return event_stream(_announced(where, accepted, run, _more(request)))
    if run and run.task:
        await asyncio.wait({run.task}, timeout=PATIENCE_SECONDS)
    page = reverse("agents:playground", args=[accepted.slug, agent_id])
    return HttpResponseRedirect(f"{page}?conversation={accepted.conversation_id}#reply-{accepted.reply_id}")


async def _announced(
    where: dict[str, Any], accepted: AcceptedReply | Existing, run: Run | None, more: More | None
) -> AsyncIterator[bytes]:
    facts = where | _left(accepted)
    yield running.frame("accepted", 0, facts)
    role = accepted.role
    following = (
        running.watch_run(run, role=role, more=more)
        if run
        else running.watch(accepted.reply_id, role=role, more=more)
    )
    async for event in following:
        yield event


def _left(accepted: AcceptedReply | Existing) -> dict[str, int]:
    """The credits left while the reply runs. Nothing for a message sent before, whose reply may have ended."""
    if isinstance(accepted, Existing):
        return {}
    return {"available": accepted.available, "held": accepted.held}


def event_stream(events: AsyncIterator[bytes]) -> StreamingHttpResponse:
    response = StreamingHttpResponse(events, content_type=EVENT_STREAM)
    response["X-Accel-Buffering"] = "no"
    return response


@admits_itself(Role.VIEWER)
@require_GET
async def stream(request: HttpRequest, slug: str, reply_id: UUID) -> HttpResponseBase:
    """Watch a reply, from the start or from Last-Event-ID. Membership is checked for every request."""
    try:
        caller, _ = await running.to_reply(
            session_key=_session_key(request), slug=slug, reply_id=reply_id, to_read=True
        )
    except ReplyRefused as refusal:
        return refused(refusal, slug)
    seen = running.resume_point(request.headers.get("last-event-id", ""))
    return event_stream(running.watch(reply_id, seen, role=caller.role, more=_more(request)))


@admits_itself(Role.EDITOR)
@require_POST
async def stop(request: HttpRequest, slug: str, reply_id: UUID) -> HttpResponse:
    """End a running reply; allowed to the member who asked and to admins. The text so far is kept."""
    try:
        caller, member_id = await running.to_reply(
            session_key=_session_key(request), slug=slug, reply_id=reply_id, needs=Role.EDITOR
        )
        if member_id != caller.user_id and not caller.is_admin:
            raise NotYours
    except ReplyRefused as refusal:
        if wants(request) == "text/html":
            return await sync_to_async(playground.stop_refused)(request, slug, reply_id, refusal)
        return refused(refusal, slug)
    await running.stop(reply_id)
    if wants(request) == "text/html":
        return redirect("agents:receipt", slug, reply_id)
    return JsonResponse({"reply": str(reply_id), "stopping": True}, status=202)
