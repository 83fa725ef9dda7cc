"""Database sessions that know their user.

The user's id beside the session lets one query authorise a request from its cookie, and lets a
user's sessions be found and ended.
"""

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore


class SessionStore(DatabaseStore):
    @classmethod
    def get_model_class(cls) -> Any:
        from workspaces.models import Session

        return Session

    def _validate_session_key(self, key: str) -> bool:
        # A quoted cookie can hold a NUL, which PostgreSQL refuses to compare with anything.
        return bool(super()._validate_session_key(key)) and key.isalnum()  # type: ignore[misc]

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        session: Any = super().create_model_instance(data)
        session.user_id = int(data[SESSION_KEY]) if data.get(SESSION_KEY) else None
        return session
