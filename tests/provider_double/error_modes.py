"""Modes that answer with an HTTP error, a redirect, or nothing at all."""

from email.utils import formatdate
from time import time

from .answers import HTML, Act, Answer, error, whole
from .calls import Call
from .modes import Build, Params, mode, pause

BAD_GATEWAY = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    b"<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)

PLAIN_ERRORS = {
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
}


def plain_error(kind: str, doc: str) -> Build:
    def build(call: Call, params: Params) -> Answer:
        return error(call, kind, wait=pause(params))

    build.__doc__ = doc
    return build


for _name, (_kind, _doc) in PLAIN_ERRORS.items():
    mode(_name, speaks=False)(plain_error(_kind, _doc))


def rate_limited(call: Call, params: Params, retry_after: object) -> Answer:
    return error(call, "rate", wait=pause(params), headers={"retry-after": str(retry_after)})


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


@mode("502", speaks=False)
def bad_gateway(call: Call, params: Params) -> Answer:
    """502 with an HTML page, as from a proxy before the provider."""
    return whole(call, BAD_GATEWAY, status=502, content_type=HTML, wait=pause(params))


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
    """The connection is closed in good order, before a single byte of answer."""
    return Answer(0, b"", iter([(pause(params), Act.CLOSE)]))
