"""Modes that answer with an HTTP error, a redirect, or nothing at all."""

from email.utils import formatdate
from time import time

from .answers import HTML, JSON, Act, Answer, error, refusal_of, refuse, whole
from .calls import Call, Headroom
from .modes import REWORDED, Build, Params, mode, pause

BAD_GATEWAY = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    b"<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)

CHALLENGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>"

# Mode: (kind of error, what it is). If a provider has no error of a kind, its closest one is used.
NAMED_ERRORS = {
    "401": ("wrong_secret", "401: the provider rejects the secret (OpenAI's text echoes a part of it)."),
    "403": ("forbidden", "403: the secret may not do this."),
    "404_model": ("model", "404: no such model on this account."),
    "400": ("context", "400: the prompt is longer than the model's context."),
    "413": ("too_large", "413: the request is too large."),
    "429_absent": ("rate", "429 without a Retry-After."),
    "quota": ("quota", "429: the account's quota is used up (insufficient_quota)."),
    "credit_balance": ("balance", "The prepaid balance is empty: OpenAI 429, Anthropic 400."),
    "500": ("server", "500 with the provider's JSON."),
    "503": ("unavailable", "503 with the provider's JSON."),
    "529": ("overloaded", "529: Anthropic's overloaded_error (OpenAI: its body with that status)."),
    "deactivated": ("deactivated", "401: the account behind the secret is closed."),
    "unknown_401": ("unknown_401", "401 in the provider's shape, without a code that says more."),
    "missing_scope_request": ("missing_scope_request", "The secret may list models and not chat."),
    "missing_scope_list": ("missing_scope_list", "The secret may chat and not list models."),
    "not_allowed_model": ("not_allowed_model", "403: the project may not use this one model."),
    "incorrect_hostname": ("incorrect_hostname", "OpenAI 401: the project lives in another region."),
    "ip_not_authorized": ("ip_not_authorized", "OpenAI 401: this address is not on the project's list."),
    "region": ("region", "403: the country is not served (Anthropic: Request not allowed)."),
    "spend_limit_words": ("spend_limit", "The customer's own spend limit; Anthropic tells it in words only (400)."),
    "workspace_limit_words": ("workspace_limit", "The same of a workspace or project."),
    "usage_limit": ("usage_limit", "429: the limit of the account's tier, without a Retry-After."),
    "billing_not_active": ("billing_not_active", "OpenAI 429, Anthropic 402: there is no billing."),
    "hard_limit": ("hard_limit", "400: OpenAI's billing_hard_limit_reached."),
    "prompt_too_long": ("context", "400: the prompt alone is too long."),
    "max_tokens_exceed": ("max_tokens_exceed", "400: prompt and allowance together are too long."),
    "tpm_too_large": ("tpm_too_large", "OpenAI 429: larger than all the tokens of a minute."),
    "must_verify": ("must_verify", "OpenAI 400: the organisation must be verified to stream."),
    "organization_disabled": ("organization_disabled", "The organisation is disabled (Anthropic 400)."),
    "responses_only": ("responses_only", "OpenAI 404: a model of the Responses API."),
    "not_chat_model": ("not_chat_model", "OpenAI 404: a model that cannot chat."),
    "unsupported_temperature": ("unsupported_temperature", "400: this value of temperature is not supported."),
    "temperature_not_supported": ("temperature_not_supported", "400: temperature is not supported at all."),
    "policy": ("policy", "400: the prompt is declined."),
    "slow_down": ("slow_down", "429: usage grows too fast."),
    "wrong_path": ("path", "404: a base URL without /v1."),
}  # fmt: skip


def named_error(kind: str, doc: str) -> Build:
    def build(call: Call, params: Params) -> Answer:
        refusal = refusal_of(call, kind, f"{call.method} /chat/completions")
        said = {
            name: params[name] for name in ("status", "code", "param", "message") if params[name] is not None
        }
        if params["type"] is not None:
            said["family"] = params["type"]
        return refuse(call, refusal._replace(**said), wait=pause(params), headers=params["headers"])

    build.__doc__ = doc
    return build


for _name, (_kind, _doc) in NAMED_ERRORS.items():
    mode(_name, speaks=False, **REWORDED)(named_error(_kind, _doc))


def rate_limited(call: Call, params: Params, retry_after: object) -> Answer:
    return held_back(call, params, {"retry-after": str(retry_after)})


def held_back(call: Call, params: Params, headers: dict[str, str]) -> Answer:
    call.headroom = Headroom(0, 0, 60)
    return error(call, "rate", wait=pause(params), headers=headers)


@mode("429", speaks=False, retry_after=2)
def seconds(call: Call, params: Params) -> Answer:
    """429 with Retry-After in seconds (any value, sent as it is)."""
    return rate_limited(call, params, params["retry_after"])


@mode("429_date", speaks=False, seconds=2)
def date(call: Call, params: Params) -> Answer:
    """429 with Retry-After as an HTTP date, so many seconds ahead."""
    return rate_limited(call, params, formatdate(time() + float(params["seconds"]), usegmt=True))


@mode("429_junk", speaks=False)
def junk(call: Call, params: Params) -> Answer:
    """429 with a Retry-After that means nothing."""
    return rate_limited(call, params, "soon, \xe9h?")


@mode("429_huge", speaks=False)
def huge(call: Call, params: Params) -> Answer:
    """429 with Retry-After: 3600."""
    return rate_limited(call, params, 3600)


@mode("429_fraction", speaks=False, retry_after=0.3)
def fraction(call: Call, params: Params) -> Answer:
    """429 with Retry-After in a fraction of a second."""
    return rate_limited(call, params, params["retry_after"])


@mode("retry_after_ms", speaks=False, milliseconds=1500)
def retry_after_ms(call: Call, params: Params) -> Answer:
    """429 with retry-after-ms, which OpenAI's SDK prefers to Retry-After."""
    return held_back(call, params, {"retry-after-ms": str(params["milliseconds"])})


@mode("x_should_retry_false", speaks=False, retry_after=None)
def x_should_retry_false(call: Call, params: Params) -> Answer:
    """429 with x-should-retry: false, which asks the client not to try again."""
    asked = {} if params["retry_after"] is None else {"retry-after": str(params["retry_after"])}
    return held_back(call, params, {"x-should-retry": "false", **asked})


@mode("502", speaks=False)
def bad_gateway(call: Call, params: Params) -> Answer:
    """502 with an HTML page, as from a proxy before the provider."""
    return whole(call, BAD_GATEWAY, status=502, content_type=HTML, wait=pause(params))


def foreign(params: Params, body: bytes, content_type: bytes) -> Answer:
    """An answer that did not come from the provider: no request id, no rate-limit headers, not its JSON."""
    return whole(None, body, status=int(params["status"]), content_type=content_type, wait=pause(params))


@mode("html_403", speaks=False, status=403)
def html_403(call: Call, params: Params) -> Answer:
    """A firewall's page instead of the provider's answer, with any status."""
    return foreign(params, CHALLENGE, HTML)


@mode("html_200", speaks=False, status=200)
def html_200(call: Call, params: Params) -> Answer:
    """A sign-in page with status 200, as from a captive network or a wrong base URL."""
    return foreign(params, b"<html><title>Sign in</title><form action=/login></form></html>", HTML)


@mode("plain_error", speaks=False, status=503)
def plain_error(call: Call, params: Params) -> Answer:
    """A proxy's plain text, with any status."""
    return foreign(params, b"upstream connect error or disconnect/reset before headers", b"text/plain")


@mode("foreign_json", speaks=False, status=404, body='{"detail":"Not Found"}')
def foreign_json(call: Call, params: Params) -> Answer:
    """JSON that is not in the provider's error shape, with any status."""
    return foreign(params, str(params["body"]).encode(), JSON)


@mode("empty_body", speaks=False, status=403)
def empty_body(call: Call, params: Params) -> Answer:
    """A status and nothing else."""
    return foreign(params, b"", b"text/plain")


@mode("json_200", speaks=False, kind="quota")
def json_200(call: Call, params: Params) -> Answer:
    """Status 200 with an error's JSON body, of a kind in the error table, although a stream was asked for."""
    return error(call, str(params["kind"]), status=200, wait=pause(params))


@mode("status", speaks=False, status=500, body="", content_type="application/json", headers=None)
def status(call: Call, params: Params) -> Answer:
    """Any status, body, content type and headers."""
    return whole(
        call,
        str(params["body"]).encode("utf-8", "replace"),
        status=int(params["status"]),
        content_type=str(params["content_type"]).encode(),
        headers=params["headers"],
        wait=pause(params),
    )


@mode("echo_secret_in_error", speaks=False, status=401)
def echo_secret(call: Call, params: Params) -> Answer:
    """An error whose text holds the whole secret."""
    return error(call, "echo", status=int(params["status"]), wait=pause(params))


@mode("redirect", speaks=False, status=302, location=None)
def redirect(call: Call, params: Params) -> Answer:
    """A redirect to another loopback address; GET /__double/redirect-target tells whether it was followed."""
    port = call.host.rpartition(":")[2]
    location = params["location"] or f"http://localhost:{port}/__double/redirect-target/hit"
    return whole(call, b"", status=int(params["status"]), headers={"location": location}, wait=pause(params))


@mode("reset_before_headers", speaks=False)
def reset_before_headers(call: Call, params: Params) -> Answer:
    """A TCP reset once the request has been read, before a single byte of answer."""
    return Answer(0, b"", iter([(pause(params), Act.RESET)]))


@mode("eof_before_headers", speaks=False)
def eof_before_headers(call: Call, params: Params) -> Answer:
    """The connection is closed normally, before a single byte of answer."""
    return Answer(0, b"", iter([(pause(params), Act.CLOSE)]))
