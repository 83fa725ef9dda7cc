"""The issuer: an OpenID Connect server (OIDC_ISSUER) that identifies people. This module makes the requests to it.

It uses the authorization code flow with PKCE. No claim of an ID token is used before its signature, issuer,
audience, times and nonce have been checked. Requests go only to the issuer's own host and those of OIDC_HOSTS.

    IssuerError
    ├── IssuerDown    it did not answer, or not as an issuer must; says nothing about the person
    └── TokenRefused  its token does not prove who the person is
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
# Only algorithms with public keys: an unsigned token, or one signed with a shared key, proves nothing.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
# The time limit of one request to the issuer, from its start to the last byte of the answer.
SECONDS = 10
MOST_BYTES = 256 * 1024
LONGEST_EMAIL = 254
# How much the issuer's clock may be wrong.
LEEWAY_SECONDS = 60
# How long the issuer's configuration document is used before it is fetched again.
KNOWN_SECONDS = 300

_known: dict[str, tuple[float, dict[str, Any]]] = {}


class IssuerError(Exception):
    """The issuer did not identify the person. Carries nothing of what the issuer sent."""


class IssuerDown(IssuerError):
    pass


class TokenRefused(IssuerError):
    pass


@dataclass(frozen=True)
class Question:
    """Random values of one sign-in that must come back: `state` in the address, `nonce` in the token."""

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
    """What the issuer says about a person. `address` is empty unless the issuer has verified it.

    `signed_in_at`: when the person last proved to the issuer who they are, in seconds since 1970; None if missing or
    impossible.
    """

    subject: str
    address: str
    name: str
    signed_in_at: float | None


def is_offered() -> bool:
    return bool(settings.OIDC_ISSUER)


def address_for(question: Question, *, back: str, again: bool) -> str:
    """The URL at which the person signs in at the issuer. Raises IssuerDown.

    `back`: our own address, to which the issuer sends the browser with the answer. `again`: require a sign-in even
    if the person is signed in there.
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
    """The claims about the person who came back with `code`. Raises IssuerDown or TokenRefused."""
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
    # Authenticate by header, as in RFC 6749 2.3.1, unless the issuer lists its methods without that one.
    ways = description.get("token_endpoint_auth_methods_supported")
    if not isinstance(ways, list) or not ways or "client_secret_basic" in ways:
        pair = f"{quote_plus(settings.OIDC_CLIENT_ID)}:{quote_plus(settings.OIDC_CLIENT_SECRET)}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        form |= {"client_id": settings.OIDC_CLIENT_ID, "client_secret": settings.OIDC_CLIENT_SECRET}
    return _ask("POST", _own(description, "token_endpoint"), form=form, headers=headers)


def _read(token: str, keys: dict[str, Any], question: Question, name: str) -> Claims:
    # From the extra `sso`, imported late because the rest of Bookbag works without it; the settings are refused if
    # it is missing.
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
        # Raised `from None`, because the cause may contain the token.
        raise TokenRefused(f"The ID token does not hold: {type(problem).__name__}.") from None
    # A token for several audiences must name the one that asked for it.
    party = told.get("azp", settings.OIDC_CLIENT_ID if not _is_for_several(told) else "")
    if party != settings.OIDC_CLIENT_ID:
        raise TokenRefused("The ID token was given to another.")
    nonce = told.get("nonce")
    # JSON can contain half a surrogate pair, which cannot be encoded and is in no nonce of ours.
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
    """A time in the past, or None for a time in the future and for anything that is not a finite number."""
    is_past = isinstance(moment, int | float) and 0 <= moment <= time.time() + LEEWAY_SECONDS
    return float(moment) if is_past else None


def _is_address(address: str) -> bool:
    """Whether the text is a valid e-mail address here; an issuer may identify people by something else."""
    try:
        validate_email(address.strip())
    except ValidationError:
        return False
    return len(address) <= LONGEST_EMAIL


def _is_for_several(told: dict[str, Any]) -> bool:
    return isinstance(told["aud"], list) and len(told["aud"]) > 1


def _key(token: str, keys: dict[str, Any]) -> Any:
    """The issuer's public key that the token names; the issuer's only key if the token names none."""
    import jwt

    name = jwt.get_unverified_header(token).get("kid")
    known = [one for one in jwt.PyJWKSet.from_dict(keys).keys if one.public_key_use in (None, "sig")]
    fitting = [one for one in known if name is None or one.key_id == name]
    if len(fitting) != 1:
        raise TokenRefused("The ID token is signed with none of the issuer's keys.")
    return fitting[0]


def _description() -> dict[str, Any]:
    """The issuer's configuration document, at most KNOWN_SECONDS old."""
    name = settings.OIDC_ISSUER
    at, description = _known.get(name, (0.0, {}))
    if not description or time.monotonic() - at > KNOWN_SECONDS:
        description = _ask("GET", f"{name}{DISCOVERY}")
        # Some issuers write their name with a trailing slash, which the setting lacks.
        if str(description.get("issuer")).rstrip("/") != name:
            raise IssuerDown("The issuer calls itself something else than OIDC_ISSUER.")
        _known[name] = (time.monotonic(), description)
    return description


def _own(description: dict[str, Any], name: str) -> str:
    """An address from the issuer's configuration.

    Raises IssuerDown unless its host is the issuer's or one of OIDC_HOSTS.
    """
    address = description.get(name)
    ours = urlsplit(settings.OIDC_ISSUER)
    try:
        parts = urlsplit(address if isinstance(address, str) else "")
        str(address).encode()  # fails for half a surrogate pair, which JSON can contain
    except ValueError:
        raise IssuerDown(f"The issuer's {name} is no address.") from None
    is_own = (parts.scheme, parts.netloc) == (ours.scheme, ours.netloc)
    if not is_own and not (parts.scheme == "https" and parts.netloc in settings.OIDC_HOSTS):
        raise IssuerDown(f"The issuer's {name} is on a host that is neither its own nor in OIDC_HOSTS.")
    return str(address)


@lru_cache(maxsize=1)
def _trust(ca_file: str) -> ssl.SSLContext:
    """Read once, because loading the system's certificate authorities takes a while."""
    return ssl.create_default_context(cafile=ca_file or None)


def _ask(
    method: str, address: str, *, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """Make a request; returns the JSON object of the answer.

    Follows no redirects, and reads at most MOST_BYTES in SECONDS.
    """
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
    except (ValueError, RecursionError):  # RecursionError: very deeply nested JSON
        raise IssuerDown("The issuer's answer is no JSON.") from None
    if not isinstance(answer, dict):
        raise IssuerDown("The issuer's answer is no JSON object.")
    return answer
