"""An OpenID Connect issuer on loopback, for the tests of signing in with one: a real HTTP server.

It refuses what the published rules refuse: a client or an address for the answer that it does not know, a question without
PKCE, state or nonce, a wrong secret or verifier, and a code that was used. What is wrong with the tokens that it gives is
said by `told` (claims put over the true ones), `signed_with` and `answers` (a status, or a document, in place of its own).
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

# Made once, because making a key takes a while.
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHERS_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CLIENT, SECRET = "bookbag:tests", "a secret/with+signs"
BACK = "http://testserver/sso/back/"


class Issuer:
    def __init__(self) -> None:
        self.person: dict[str, Any] = {"sub": "1001", "email": "olivia@acme.test", "email_verified": True}
        self.told: dict[str, Any] = {}
        self.signed_with: Any = KEY
        self.algorithm = "RS256"
        self.answers: dict[str, Any] = {}
        self.backs = {BACK}
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.name = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)

    def visit(self, address: str, *, cancel: bool = False) -> str:
        """What a person's browser does there: sign in or decline. Returns the address of the redirect."""
        answer = httpx.get(address, params=None, headers={"X-Cancel": "1"} if cancel else {}, trust_env=False)
        assert answer.status_code == 302, answer.text
        return str(answer.headers["Location"])

    # --- What it answers ---

    def description(self) -> dict[str, Any]:
        return {
            "issuer": self.name,
            "authorization_endpoint": f"{self.name}/authorize",
            "token_endpoint": f"{self.name}/token",
            "jwks_uri": f"{self.name}/keys",
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def keys(self) -> dict[str, Any]:
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
        return {"keys": [{**public, "kid": "first", "use": "sig", "alg": "RS256"}]}

    def authorize(self, query: dict[str, str], cancel: bool) -> tuple[int, str]:
        if query.get("client_id") != CLIENT or query.get("redirect_uri") not in self.backs:
            return 400, "unknown client or redirect_uri"
        wanted = {"response_type": "code", "code_challenge_method": "S256"}
        if any(query.get(name) != value for name, value in wanted.items()):
            return 400, "no code flow with PKCE"
        if (
            not all(query.get(name) for name in ("state", "nonce", "code_challenge"))
            or "openid" not in query["scope"].split()
        ):
            return 400, "something is missing"
        if cancel:
            return (
                302,
                f"{query['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': query['state']})}",
            )
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return 302, f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode().split(":")
        if [unquote_plus(part) for part in pair] != [CLIENT, SECRET]:
            return 401, {"error": "invalid_client"}
        query = self.codes.pop(form.get("code", ""), None)
        if query is None or query["redirect_uri"] != form.get("redirect_uri"):
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != query["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        return 200, {
            "access_token": secrets.token_urlsafe(16),
            "token_type": "Bearer",
            "id_token": self.id_token(query),
        }

    def id_token(self, query: dict[str, str]) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.name,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": query["nonce"],
            **self.person,
        }
        if "max_age" in query:
            claims["auth_time"] = now
        claims = {name: value for name, value in {**claims, **self.told}.items() if value is not None}
        return jwt.encode(claims, self.signed_with, algorithm=self.algorithm, headers={"kid": "first"})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                issuer.asked.append(parts.path)
                if parts.path in issuer.answers:
                    self.answer(issuer.answers[parts.path])
                elif parts.path == "/.well-known/openid-configuration":
                    self.answer(issuer.description())
                elif parts.path == "/keys":
                    self.answer(issuer.keys())
                elif parts.path == "/authorize":
                    self.send(*issuer.authorize(query, "X-Cancel" in self.headers))
                else:
                    self.send(404, "")

            def do_POST(self) -> None:
                issuer.asked.append(self.path)
                sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(sent).items()}
                if self.path in issuer.answers:
                    self.answer(issuer.answers[self.path])
                else:
                    status, document = issuer.token(form, self.headers.get("Authorization", ""))
                    self.send(status, json.dumps(document))

            def answer(self, given: Any) -> None:
                if isinstance(given, int):
                    self.send(given, "https://elsewhere.test/" if given == 302 else "")
                else:
                    self.send(200, given if isinstance(given, str) else json.dumps(given))

            def send(self, status: int, text: str) -> None:
                body = b"" if status == 302 else text.encode()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", text)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        return Handler


@pytest.fixture
def issuer(settings: Any) -> Iterator[Issuer]:
    """A configured issuer, with the addresses of /sso/ in the URLconf."""
    found = Issuer()
    settings.OIDC_ISSUER, settings.OIDC_NAME = found.name, "Acme ID"
    settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = CLIENT, SECRET
    settings.ROOT_URLCONF = "tests.harness.sso_map"
    yield found
    found.stop()
