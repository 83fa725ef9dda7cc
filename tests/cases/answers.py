"""Answers of providers that have gone wrong somewhere: what is sent, and what the product has to make of it.

Sources: public bug reports about products that call OpenAI or Anthropic, and streams as both providers send them.
All names and ids are made up.
"""

import json
from dataclasses import dataclass, field
from typing import Any

JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Right:
    """What the product has to make of an answer. An empty value is not checked."""

    state: str = "failed"
    ending: str = "failed"
    code: str = ""
    text: str = ""
    calls: int = 1
    tokens: tuple[int | None, int | None] = (None, None)
    cached: int | None = None
    thinking: int | None = None
    health: str = "valid"
    says: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    name: str
    provider: str
    answer: dict[str, Any] = field(repr=False)  # parameters of the double's mode `raw`
    right: Right


def openai_error(
    status: int, message: str, code: Any = None, kind: str = "invalid_request_error", **headers: str
) -> Any:
    error = {"message": message, "type": kind, "param": None, "code": code}
    return {"status": status, "headers": JSON | headers, "body": {"error": error}}


def anthropic_error(status: int, message: str, kind: str = "invalid_request_error") -> Any:
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    return {"status": status, "headers": JSON, "body": body}


def chunk(content: str | None = None, finish: str | None = None, **more: Any) -> str:
    """One event as OpenAI sends it."""
    delta = {} if content is None else {"role": "assistant", "content": content}
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return f"data: {json.dumps({'id': 'c', 'choices': choices, **more})}\n\n"


def openai_usage(prompt: int, completion: int, *, cached: int = 0, reasoning: int = 0) -> str:
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    return f"data: {json.dumps({'choices': [], 'usage': usage})}\n\n"


def event(kind: str, **data: Any) -> str:
    """One event as Anthropic sends it."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n"


def anthropic_stream(*blocks: str, reason: str, usage: dict[str, Any]) -> list[str]:
    message = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "content": [],
        "usage": {"input_tokens": 21, "output_tokens": 1},
    }
    return [
        event("message_start", message=message),
        *blocks,
        event("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage=usage),
        event("message_stop"),
    ]


def text_block(*texts: str, index: int = 0, first: str = "") -> list[str]:
    return [
        event("content_block_start", index=index, content_block={"type": "text", "text": first}),
        *(
            event("content_block_delta", index=index, delta={"type": "text_delta", "text": text})
            for text in texts
        ),
        event("content_block_stop", index=index),
    ]


THOUGHT = [
    event(
        "content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""}
    ),
    event("ping"),
    event("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "c2ln"}),
    event("content_block_stop", index=0),
]
DONE = "data: [DONE]\n\n"
HI = [chunk("Hi"), chunk(" there."), chunk(finish="stop"), DONE]
COMPLETE = Right("completed", "complete", text="Hi there.")
NO_FUNDS = Right(code="no_funds", health="limited", lacks=("rephras", "in a moment"))

CASES = [
    # --- The code and the message decide, not the status alone.
    Case("a model that the project may not use", "openai",
         openai_error(403, "Project `proj_x` does not have access to model `gpt-4o`", "model_not_found"),
         Right(code="model_not_found")),
    Case("a country that is not served", "openai",
         openai_error(403, "Country, region, or territory not supported", "unsupported_country_region_territory", "request_forbidden"),
         Right(code="place_not_served")),
    Case("an account without active billing", "openai",
         openai_error(429, "Your account is not active, please check your billing details on our website.", "billing_not_active", "billing_not_active"),
         NO_FUNDS),
    Case("a hard limit of the account", "openai",
         openai_error(400, "Billing hard limit has been reached", "billing_hard_limit_reached"), NO_FUNDS),
    Case("a spend limit in words", "anthropic",
         anthropic_error(400, "You have reached your specified API usage limits. You will regain access on 2031-12-01 at 00:00 UTC."),
         Right(code="no_funds", health="limited", lacks=("rephras",), says=("Try again",))),
    Case("a workspace's spend limit in words", "anthropic",
         anthropic_error(400, "You have reached your specified workspace API usage limits. You will regain access on 2031-12-01 at 00:00 UTC."),
         NO_FUNDS),
    Case("an empty balance in words", "anthropic",
         anthropic_error(400, "Your credit balance is too low to access the Anthropic API."), NO_FUNDS),
    Case("prompt and allowance beyond the window", "anthropic",
         anthropic_error(400, "input length and `max_tokens` exceed context limit: 199759 + 4096 > 200000, decrease input length or `max_tokens` and try again"),
         Right(code="prompt_too_large", lacks=("rephras",))),
    Case("a prompt that is too long", "anthropic",
         anthropic_error(400, "prompt is too long: 210000 tokens > 200000 maximum"), Right(code="prompt_too_large")),
    *(Case(f"quota as {code}", "openai", openai_error(429, "…", code, kind), NO_FUNDS)
      for code, kind in [("insufficient_quota", "insufficient_quota"), ("credit_balance_exhausted", "insufficient_quota"),
                         ("organization_spend_limit_exceeded", "insufficient_quota"), ("project_spend_limit_exceeded", "x"),
                         ("organization_usage_limit_exceeded", "x"), (None, "insufficient_quota")]),
    Case("a key that lacks a permission", "openai",
         openai_error(401, "You have insufficient permissions for this operation. Missing scopes: model.request.", "missing_scope"),
         Right(code="key_lacks_permission", health="limited")),
    Case("a project of another region", "openai",
         openai_error(401, "Attempted to access resource with incorrect regional hostname. Please make your request to eu.api.openai.com", "incorrect_hostname"),
         Right(code="wrong_region")),
    Case("an address that is not on the list", "openai",
         openai_error(401, "Your request IP does not match the configured IP allowlist for your project or organization.", "ip_not_authorized"),
         Right(code="address_refused")),
    Case("an organisation to be verified", "openai",
         openai_error(400, "Your organization must be verified to stream this model.", "unsupported_value"),
         Right(code="organisation_unverified", lacks=("rephras",))),
    Case("a model of the other API", "openai",
         openai_error(404, "This model is only supported in v1/responses and not in v1/chat/completions."),
         Right(code="other_api_needed")),
    Case("a key that is dead", "openai", openai_error(401, "Incorrect API key provided.", "invalid_api_key"),
         Right(code="key_rejected", health="rejected")),
    Case("a key that Anthropic does not know", "anthropic", anthropic_error(401, "invalid x-api-key", "authentication_error"),
         Right(code="key_rejected", health="rejected")),
    Case("an unknown refusal of something", "anthropic", anthropic_error(403, "Request not allowed", "forbidden"),
         Right(code="not_allowed")),
    # --- An answer that did not come from the provider says nothing about the key.
    Case("a firewall's page", "openai",
         {"status": 403, "headers": {"content-type": "text/html"}, "body": "<html><title>Just a moment...</title></html>"},
         Right(code="not_the_provider", lacks=("rejected",))),
    Case("a sign-in page with status 401", "anthropic",
         {"status": 401, "headers": {"content-type": "text/html"}, "body": "<html>Sign in</html>"}, Right(code="not_the_provider")),
    Case("a base URL without /v1", "openai", openai_error(404, "Invalid URL (POST /chat/completions)"),
         Right(code="not_the_provider", lacks=("another model",))),
    Case("a gateway's own JSON", "anthropic", {"status": 403, "headers": JSON, "body": {"message": "Forbidden"}},
         Right(code="not_the_provider")),
    Case("a page in place of a stream", "openai", {"headers": {"content-type": "text/html"}, "body": "<html>Hello</html>"},
         Right(code="not_the_provider")),
    Case("an error's JSON in place of a stream", "openai",
         {"headers": JSON, "body": {"error": {"message": "You exceeded your current quota", "type": "insufficient_quota", "code": "insufficient_quota"}}},
         NO_FUNDS),
    # --- The wait that was asked for.
    Case("a wait of a day", "openai", openai_error(429, "Rate limit reached (RPD)", "rate_limit_exceeded", "requests", **{"retry-after": "86400"}),
         Right(code="rate_limited", health="limited", says=("24 hours",), lacks=("in a moment",))),
    Case("a wait of ten minutes", "openai", openai_error(429, "Rate limit reached", "rate_limit_exceeded", "requests", **{"retry-after": "600"}),
         Right(code="rate_limited", health="limited", says=("10 minutes",), lacks=("in a moment",))),
    Case("no use in trying again", "openai", openai_error(429, "Rate limit reached", "rate_limit_exceeded", "requests", **{"x-should-retry": "false"}),
         Right(code="rate_limited", health="limited")),
    # --- How an answer ended.
    Case("cut at the model's length", "openai", {"chunks": [chunk("Step 1: open the"), chunk(finish="length"), DONE]},
         Right("completed", "cut_model", text="Step 1: open the", says=("Cut",))),
    Case("cut at the model's length, Anthropic", "anthropic",
         {"chunks": anthropic_stream(*text_block("One, two, three and"), reason="max_tokens", usage={"output_tokens": 4096})},
         Right("completed", "cut_model", text="One, two, three and", tokens=(21, 4096), says=("Cut",))),
    Case("declined without a word", "anthropic",
         {"chunks": anthropic_stream(event("ping"), reason="refusal", usage={"output_tokens": 5})},
         Right("failed", "declined", "declined", tokens=(21, 5), lacks=("empty answer", "ry again"))),
    Case("declined after some text", "anthropic",
         {"chunks": anthropic_stream(*text_block("First you take"), reason="refusal", usage={"output_tokens": 9})},
         Right("completed", "declined", text="First you take", tokens=(21, 9), says=("declines",))),
    Case("filtered without a word", "openai",
         {"chunks": [chunk(""), chunk(finish="content_filter"), openai_usage(50, 0), DONE]},
         Right("failed", "declined", "declined", tokens=(50, 0), thinking=0, cached=0, lacks=("empty answer", "ry again"))),
    Case("all of it spent on thinking", "openai",
         {"chunks": [chunk(""), chunk(finish="length"), openai_usage(50, 4096, reasoning=4096), DONE]},
         Right("failed", "thinking_spent", "thinking_spent", tokens=(50, 4096), cached=0, thinking=4096, says=("thinking",), lacks=("empty answer", "ry again"))),
    Case("all of it spent on thinking, Anthropic", "anthropic",
         {"chunks": anthropic_stream(*THOUGHT, reason="max_tokens", usage={"output_tokens": 4096})},
         Right("failed", "thinking_spent", "thinking_spent", tokens=(21, 4096), lacks=("empty answer", "ry again"))),
    # --- Event streams as the standard and the SDKs read them.
    Case("a byte order mark first", "openai", {"chunks": ["\ufeff" + HI[0], *HI[1:]]}, COMPLETE),
    Case("an error that is null", "openai",
         {"chunks": [chunk("Hi", error=None), chunk(" there.", error=None), chunk(finish="stop", error=None), DONE]}, COMPLETE),
    Case("half an emoji in each of two deltas", "openai",
         {"chunks": ['data: {"choices":[{"index":0,"delta":{"content":"ok \\ud83d"},"finish_reason":null}]}\n\n',
                     'data: {"choices":[{"index":0,"delta":{"content":"\\ude00 done"},"finish_reason":null}]}\n\n',
                     chunk(finish="stop"), DONE], "gap": 0.1},
         Right("completed", "complete", text="ok 😀 done")),
    Case("text where a block starts", "anthropic",
         {"chunks": anthropic_stream(*text_block(" world.", first="Hello"), reason="end_turn", usage={"output_tokens": 5})},
         Right("completed", "complete", text="Hello world.", tokens=(21, 5))),
    Case("a number as an error's code", "openai",
         {"chunks": ['data: {"error": {"message": "slow down", "type": "rate_limit_error", "code": 429}}\n\n', DONE]},
         Right(code="rate_limited", calls=3, health="limited")),
    Case("a quota's end inside a stream", "openai",
         {"chunks": [f"data: {json.dumps({'error': {'message': '…', 'type': 'insufficient_quota', 'code': None}})}\n\n", DONE]}, NO_FUNDS),
    Case("an unknown block and an unknown event", "anthropic",
         {"chunks": anthropic_stream(event("content_block_start", index=0, content_block={"type": "fallback", "from": {"model": "a"}}),
                                     event("content_block_stop", index=0), event("a_new_event"), *text_block("Fine.", index=1),
                                     reason="end_turn", usage={"output_tokens": 3})},
         Right("completed", "complete", text="Fine.", tokens=(21, 3))),
    Case("overloaded at once", "anthropic",
         {"chunks": [event("message_start", message={"usage": {"input_tokens": 21}}),
                     event("error", error={"details": None, "type": "overloaded_error", "message": "Overloaded"}, request_id="req_x")]},
         Right(code="provider_unavailable", calls=3, tokens=(21, None))),
    Case("broken HTTP", "openai", {"wire": ["HTTP/1.1 OK 200\r\n\r\nnonsense"]}, Right(code="provider_unreachable", calls=3)),
    Case("chunks that are none", "openai",
         {"wire": ["HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nnonsense\r\n"]},
         Right(code="provider_unreachable", calls=3)),
    # --- Counts.
    Case("usage that grows", "anthropic",
         {"chunks": anthropic_stream(*text_block("Yes."), reason="end_turn",
                                     usage={"output_tokens": 12, "input_tokens": 1591, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0})},
         Right("completed", "complete", text="Yes.", tokens=(1591, 12), cached=0)),
    Case("input from the cache", "anthropic",
         {"chunks": anthropic_stream(*text_block("Yes."), reason="end_turn",
                                     usage={"output_tokens": 12, "input_tokens": 100, "cache_read_input_tokens": 900, "cache_creation_input_tokens": 500})},
         Right("completed", "complete", text="Yes.", tokens=(1500, 12), cached=900)),
    Case("thinking, then text", "anthropic",
         {"chunks": anthropic_stream(*THOUGHT, *text_block("Two credits.", index=1), reason="end_turn",
                                     usage={"output_tokens": 74, "output_tokens_details": {"thinking_tokens": 62}})},
         Right("completed", "complete", text="Two credits.", tokens=(21, 74), thinking=62)),
    Case("cached input", "openai",
         {"chunks": [chunk("ok"), chunk(finish="stop"), openai_usage(10_000, 10, cached=9_984), DONE]},
         Right("completed", "complete", text="ok", tokens=(10_000, 10), cached=9_984, thinking=0)),
]  # fmt: skip
