"""A small server that speaks as much of AWS KMS's JSON API as the vault uses: Encrypt and Decrypt.

It authenticates the encryption context as KMS does, records each request, and can be told to fail.
"""

import base64
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MARK = b"KMS1"


class KmsError(Exception):
    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code, self.status = code, status


class Kms(ThreadingHTTPServer):
    """`calls` holds (operation, request) pairs; `fail_with` an error code that every request meets."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.fail_with: KmsError | None = None
        self._masters: dict[str, bytes] = {}
        self._thread = threading.Thread(target=self.serve_forever, daemon=True)

    def __enter__(self) -> "Kms":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def operations(self) -> list[str]:
        return [operation for operation, _ in self.calls]

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((operation, request))
        if self.fail_with is not None:
            raise self.fail_with
        cipher = AESGCM(self._masters.setdefault(request["KeyId"], AESGCM.generate_key(256)))
        context = json.dumps(request["EncryptionContext"], sort_keys=True).encode()
        if operation == "Encrypt":
            nonce = os.urandom(12)
            blob = MARK + nonce + cipher.encrypt(nonce, base64.b64decode(request["Plaintext"]), context)
            return {"CiphertextBlob": base64.b64encode(blob).decode(), "KeyId": request["KeyId"]}
        blob = base64.b64decode(request["CiphertextBlob"])
        try:
            if not blob.startswith(MARK):
                raise InvalidTag
            plaintext = cipher.decrypt(blob[4:16], blob[16:], context)
        except (InvalidTag, ValueError):
            raise KmsError("InvalidCiphertextException") from None
        return {"Plaintext": base64.b64encode(plaintext).decode(), "KeyId": request["KeyId"]}


class _Handler(BaseHTTPRequestHandler):
    server: Kms
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        service, _, operation = self.headers["X-Amz-Target"].partition(".")
        assert service == "TrentService"
        assert self.headers["Authorization"].startswith("AWS4-HMAC-SHA256 ")
        try:
            status, answer = 200, self.server.answer(operation, json.loads(body))
        except KmsError as error:
            status, answer = error.status, {"__type": error.code, "message": "refused by the double"}
        payload = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:
        pass
