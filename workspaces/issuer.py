"""The issuer: an OpenID Connect server (OIDC_ISSUER) that says who somebody is. Here is what goes over the wire.

The authorization code flow with PKCE. Nothing of an ID token is believed before its signature, issuer, audience, times and
nonce have been checked, whichever way it came. The server is sent to no host but the issuer's own, and those of OIDC_HOSTS.

    IssuerError
    ├── IssuerDown    it did not answer, or not as an issuer does; says nothing about the person
    └── TokenRefused  what it gave does not prove who somebody is
"""

import base64
import hashlib
import json
import secrets
import ssl
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx2
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.crypto import constant_time_compare

from workspaces.one_line import one_line

DISCOVERY = "/.well-known/openid-configuration"
# Public keys only. With none, or with a key that both sides share, a token would prove nothing.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
# Of one request to the issuer, from its beginning to the last byte of the answer.
SECONDS = 10
MOST_BYTES = 256 * 1024
LONGEST_EMAIL = 254
# By how much the issuer's clock may be wrong.
LEEWAY_SECONDS = 60
# How long the issuer's description of itself is used before it is fetched again.
KNOWN_SECONDS = 300

_known: dict[str, tuple[float, dict[str, Any]]] = {}


class IssuerError(Exception):
    """The issuer could not say who somebody is. Carries nothing of what it sent."""


class IssuerDown(IssuerError):
    pass


class TokenRefused(IssuerError):
    pass


@dataclass(frozen=True)
class Question:
    """What is made up for one sign-in and must come back: `state` in the address, `nonce` in the token."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> "Question":
        return cls(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True)
class Claims:
    """What the issuer vouches for. `address` is empty unless the issuer says that it is verified.

    `signed_in_at` is when the person last proved to the issuer who they are, in seconds since 1970; None if it does not say,
    or says what cannot be.
    """

    subject: str
    address: str
    name: str
    signed_in_at: float | None


def is_offered() -> bool:
    return bool(settings.OIDC_ISSUER)


def address_for(question: Question, *, back: str, again: bool) -> str:
    """Where the person goes to sign in at the issuer; `again` even if they are signed in there. Raises IssuerDown.

    `back` is our own address, to which the issuer sends them with the answer.
    """
    parameters = {
        "response_type": "code",
        "client_id": settings.OIDC_CLIENT_ID,
        "redirect_uri": back,
        "scope": "openid email profile",
        "state": question.state,
        "nonce": question.nonce,
        "code_challenge": question.challenge,
        "code_challenge_method": "S256",
    }
    if again:
        parameters |= {"prompt": "login", "max_age": "0"}
    start = _own(_description(), "authorization_endpoint")
    return f"{start}{'&' if '?' in start else '?'}{urlencode(parameters)}"


def claims_of(code: str, question: Question, *, back: str) -> Claims:
    """Who the person is that came back with `code`. Raises IssuerDown or TokenRefused."""
    description = _description()
    answer = _redeem(description, code, question, back)
    token = answer.get("id_token")
    if not isinstance(token, str):
        raise TokenRefused("The answer has no ID token.")
    keys = _ask("GET", _own(description, "jwks_uri"))
    return _read(token, keys, question, str(description["issuer"]))


def _redeem(description: dict[str, Any], code: str, question: Question, back: str) -> dict[str, Any]:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": back,
        "code_verifier": question.verifier,
    }
    headers = {}
    # As RFC 6749 2.3.1 has it: the header, unless the issuer names other ways and not this one.
    ways = description.get("token_endpoint_auth_methods_supported")
    if not isinstance(ways, list) or not ways or "client_secret_basic" in ways:
        pair = f"{quote_plus(settings.OIDC_CLIENT_ID)}:{quote_plus(settings.OIDC_CLIENT_SECRET)}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        form |= {"client_id": settings.OIDC_CLIENT_ID, "client_secret": settings.OIDC_CLIENT_SECRET}
    return _ask("POST", _own(description, "token_endpoint"), form=form, headers=headers)


def _read(token: str, keys: dict[str, Any], question: Question, name: str) -> Claims:
    # The extra `sso`, which the rest of Bookbag does without; the settings are refused where it is not installed.
    import jwt

    try:
        told = jwt.decode(
            token,
            _key(token, keys),
            algorithms=ALGORITHMS,
            audience=settings.OIDC_CLIENT_ID,
            issuer=name,
            leeway=LEEWAY_SECONDS,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except (jwt.PyJWTError, ValueError, TypeError) as problem:
        # The cause is dropped: it may carry the token.
        raise TokenRefused(f"The ID token does not hold: {type(problem).__name__}.") from None
    # Of a token for several, the one that asked for it is named.
    party = told.get("azp", settings.OIDC_CLIENT_ID if not _is_for_several(told) else "")
    if party != settings.OIDC_CLIENT_ID:
        raise TokenRefused("The ID token was given to another.")
    nonce = told.get("nonce")
    # Half a sign, as JSON can carry, is in no nonce of ours.
    if not isinstance(nonce, str) or not constant_time_compare(
        nonce.encode(errors="replace"), question.nonce
    ):
        raise TokenRefused("The ID token answers another question.")
    return _claims(told)


def _claims(told: dict[str, Any]) -> Claims:
    subject, address = told["sub"], told.get("email")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable():
        raise TokenRefused("The ID token names nobody.")
    is_verified = told.get("email_verified") is True and isinstance(address, str) and _is_address(address)
    name = told.get("name")
    return Claims(
        subject=subject,
        address=str(address).strip().lower() if is_verified else "",
        name=one_line(name)[:80] if isinstance(name, str) else "",
        signed_in_at=_past(told.get("auth_time")),
    )


def _past(moment: Any) -> float | None:
    """None for one to come, or that is none: no number, or one without an end."""
    is_past = isinstance(moment, int | float) and 0 <= moment <= time.time() + LEEWAY_SECONDS
    return float(moment) if is_past else None


def _is_address(address: str) -> bool:
    """Whether it can be an e-mail address here; the issuer may know people by what is none."""
    try:
        validate_email(address.strip())
    except ValidationError:
        return False
    return len(address) <= LONGEST_EMAIL


def _is_for_several(told: dict[str, Any]) -> bool:
    return isinstance(told["aud"], list) and len(told["aud"]) > 1


def _key(token: str, keys: dict[str, Any]) -> Any:
    """The issuer's public key that the token says it is signed with; its only one, if it names none."""
    import jwt

    name = jwt.get_unverified_header(token).get("kid")
    known = [one for one in jwt.PyJWKSet.from_dict(keys).keys if one.public_key_use in (None, "sig")]
    fitting = [one for one in known if name is None or one.key_id == name]
    if len(fitting) != 1:
        raise TokenRefused("The ID token is signed with none of the issuer's keys.")
    return fitting[0]


def _description() -> dict[str, Any]:
    """What the issuer says of itself, at most KNOWN_SECONDS old."""
    name = settings.OIDC_ISSUER
    at, description = _known.get(name, (0.0, {}))
    if not description or time.monotonic() - at > KNOWN_SECONDS:
        description = _ask("GET", f"{name}{DISCOVERY}")
        # Some write a slash behind their name, which a setting has not.
        if str(description.get("issuer")).rstrip("/") != name:
            raise IssuerDown("The issuer calls itself something else than OIDC_ISSUER.")
        _known[name] = (time.monotonic(), description)
    return description


def _own(description: dict[str, Any], name: str) -> str:
    """One of the issuer's addresses. Raises IssuerDown unless it is on the issuer's host or on one of OIDC_HOSTS."""
    address = description.get(name)
    ours = urlsplit(settings.OIDC_ISSUER)
    try:
        parts = urlsplit(address if isinstance(address, str) else "")
        str(address).encode()  # not with half a sign in it, as JSON can carry
    except ValueError:
        raise IssuerDown(f"The issuer's {name} is no address.") from None
    is_own = (parts.scheme, parts.netloc) == (ours.scheme, ours.netloc)
    if not is_own and not (parts.scheme == "https" and parts.netloc in settings.OIDC_HOSTS):
        raise IssuerDown(f"The issuer's {name} is on a host that is neither its own nor in OIDC_HOSTS.")
    return str(address)


@lru_cache(maxsize=1)
def _trust(ca_file: str) -> ssl.SSLContext:
    """Read once: the authorities of a system take a while."""
    return ssl.create_default_context(cafile=ca_file or None)


def _ask(
    method: str, address: str, *, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """The JSON object that is answered. Follows no redirect, and reads no more than MOST_BYTES in SECONDS."""
    until = time.monotonic() + SECONDS
    trust = _trust(settings.OIDC_CA_FILE)
    try:
        with (
            httpx2.Client(trust_env=False, timeout=SECONDS, verify=trust) as client,
            client.stream(
                method, address, data=form, headers={"Accept": "application/json", **(headers or {})}
            ) as response,
        ):
            body = b""
            for piece in response.iter_bytes():
                body += piece
                if len(body) > MOST_BYTES or time.monotonic() > until:
                    raise IssuerDown("The issuer's answer is too long.")
    except (httpx2.HTTPError, httpx2.InvalidURL) as problem:
        raise IssuerDown(f"The issuer was not reached: {type(problem).__name__}.") from None
    if response.status_code in (400, 401, 403) and method == "POST":
        raise TokenRefused(f"The issuer gives nothing for this code: {response.status_code}.")
    if response.status_code != 200:
        raise IssuerDown(f"The issuer answered {response.status_code}.")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):  # the latter of very many brackets
        raise IssuerDown("The issuer's answer is no JSON.") from None
    if not isinstance(answer, dict):
        raise IssuerDown("The issuer's answer is no JSON object.")
    return answer
