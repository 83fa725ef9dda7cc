"""Routes and replies as pages show them: a badge, a sentence, safe HTML. Decides nothing."""

from dataclasses import dataclass
from typing import Any

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

from agents import words
from agents.models import Reply
from llm.models import ChatModel
from llm.routing import Billing, Refusal, Route

_markdown = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])
# No images: one from another host would tell that host who reads, and when.
_TAGS = {
    "p", "br", "hr", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a",
    "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip


def _keep_attribute(tag: str, name: str, value: str) -> str | None:
    # Neither into our own pages nor to "//elsewhere": what a model writes must show where it leads.
    return value if name != "href" or value.lower().startswith(("http://", "https://")) else None


def markdown_html(text: str) -> SafeString:
    """A reply's Markdown as HTML that can do nothing: no scripts, no images, http(s) links only."""
    html = nh3.clean(
        _markdown.render(text),
        tags=_TAGS,
        attributes={"a": {"href"}, "ol": {"start"}},
        url_schemes={"http", "https"},
        attribute_filter=_keep_attribute,
        link_rel="noopener nofollow noreferrer",
    )
    return mark_safe(html)  # noqa: S308 (cleaned by nh3 above)


@dataclass(frozen=True, slots=True)
class RouteBadge:
    """How a route reads: `kind` is the badge's colour, `label` its words, `problem` why there is none."""

    kind: str
    label: str
    problem: str = ""
    price: int = 0


def route_badge(route: Route | Refusal, chat_model: ChatModel) -> RouteBadge:
    provider = words.PROVIDER_NAMES[chat_model.provider]
    if isinstance(route, Refusal):
        return RouteBadge(
            "danger",
            "cannot run",
            words.refusal(route.code.value, {"provider": route.provider, "model": chat_model.name}),
        )
    labels = {
        Billing.CREDITS: words.credits(route.price),
        Billing.BYO: f"your {provider} key",
        Billing.LOCAL: "local, free",
        Billing.UNMETERED: "not metered",
    }
    return RouteBadge(route.billing.value, labels[route.billing], price=route.price)


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation, ready to be shown."""

    reply: Reply
    html: SafeString
    badge: str
    failure: str
    note: str


# What stands beside an answer that is not simply whole.
NOTES = {
    Reply.Ending.STOPPED: "Stopped.",
    Reply.Ending.CUT_OURS: "Cut at our limit of length or time.",
    Reply.Ending.CUT_MODEL: "Cut: the model reached its output limit. Raise it on the agent's page for longer answers.",
    Reply.Ending.DECLINED: "The model stopped here: it declines to go on.",
}


def turn(reply: Reply, *, for_admin: bool) -> Turn:
    failed = reply.state == Reply.State.FAILED
    failure = words.failure(reply, for_admin=for_admin) if failed else ""
    note = "" if failed else NOTES.get(Reply.Ending(reply.ending), "") if reply.ending else ""
    return Turn(reply, markdown_html(reply.text), words.badge(reply), failure, note)


def money(millionths: int | None) -> str:
    """Millionths of a US dollar for people: "$0.0012", or "unknown"."""
    return "unknown" if millionths is None else f"${millionths / 1_000_000:.6f}".rstrip("0").rstrip(".")


def as_json(reply: Reply) -> dict[str, Any]:
    """A receipt for scripts; times in ISO 8601, money in millionths of a dollar."""
    return {
        "reply": str(reply.pk),
        "state": reply.state,
        "ending": reply.ending,
        "error": {"code": reply.error_code} if reply.error_code else None,
        "left_out": reply.left_out.split(),
        "request_id": reply.request_id,
        "model": reply.model_name,
        "model_id": reply.model_id,
        "provider": reply.provider,
        "credential": {"kind": reply.credential_kind, "mask": reply.credential_mask},
        "billing": reply.billing,
        "price": reply.price,
        "charged": reply.charged,
        "why": reply.why,
        "attempts": reply.attempts,
        "tokens": {
            "input": reply.input_tokens,
            "output": reply.output_tokens,
            "cached": reply.cached_tokens,
            "cache_written": reply.cache_write_tokens,
            "thinking": reply.thinking_tokens,
        },
        "estimated_provider_cost_micro_usd": reply.estimated_cost,
        "cost_is_at_most": reply.cost_is_at_most,
        "cache_saved_micro_usd": reply.cache_saved,
        "timings": {
            "queued": reply.created_at.isoformat(),
            "first_text": reply.first_text_at and reply.first_text_at.isoformat(),
            "done": reply.done_at and reply.done_at.isoformat(),
        },
    }
