"""Database sessions that know their user.

With the user's id in the session's row, one query can authorise a request by its cookie, and a user's sessions can
be found and ended.
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
        # A quoted cookie can contain NUL, which PostgreSQL does not accept in a comparison.
        return bool(super()._validate_session_key(key)) and key.isalnum()  # type: ignore[misc]

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        session: Any = super().create_model_instance(data)
        session.user_id = int(data[SESSION_KEY]) if data.get(SESSION_KEY) else None
        return session
