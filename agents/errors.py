"""The errors for messages that are refused. Their wording for people is in agents/wording.py.

ReplyRefused(code, status)
├── NotSignedIn, NoSuchPlace, AgentGone, RoleTooSmall, NotYours, NoSecondFactor, WorkspaceSuspended    who and where
├── BadMessage, MessageTooLarge, TooFast, TooManyRunning      what was sent
├── IdempotencyConflict                       the idempotency key came before, with other content
├── NotReplaceable                            the reply to replace runs, or was replaced already
└── NotRunnable                               no route, no credits, no model
"""

from enum import StrEnum
from typing import Any

from workspaces.models import Role


class OurFault(StrEnum):
    """The error codes of accepted replies that failed on our side; those of providers are llm.providers.base.Fault."""

    INTERRUPTED = "interrupted"  # the process that ran it has ended
    INTERNAL = "internal"  # an error of ours; the log has its class


class ReplyRefused(Exception):
    """Nothing was stored and nothing will be charged. `code` and `status` are part of the API.

    `role`: the sender's, once it is known; it decides which ways out are shown.
    """

    status = 400
    role: Role | None = None

    def __init__(self, code: str, **data: Any) -> None:
        super().__init__(code)
        self.code = code
        self.data = data


class NotSignedIn(ReplyRefused):
    status = 401

    def __init__(self) -> None:
        super().__init__("not_signed_in")


class NoSuchPlace(ReplyRefused):
    status = 404

    def __init__(self) -> None:
        super().__init__("not_found")


class AgentGone(ReplyRefused):
    """A member's message to an agent that was deleted, or was never in this workspace."""

    status = 404

    def __init__(self, role: Role) -> None:
        super().__init__("agent_gone")
        self.role = role


class RoleTooSmall(ReplyRefused):
    status = 403
    role = Role.VIEWER  # at least

    def __init__(self) -> None:
        super().__init__("forbidden")


class NotYours(ReplyRefused):
    """An editor wants to stop a reply that another member asked for."""

    status = 403
    role = Role.EDITOR

    def __init__(self) -> None:
        super().__init__("not_yours")


class NoSecondFactor(ReplyRefused):
    """The workspace requires a second factor of its members, and the sender has none."""

    status = 403
    role = Role.VIEWER  # at least

    def __init__(self) -> None:
        super().__init__("second_factor_needed")


class WorkspaceSuspended(ReplyRefused):
    """Operators have suspended the workspace, for `reason`."""

    status = 403
    role = Role.VIEWER  # at least

    def __init__(self, reason: str) -> None:
        super().__init__("workspace_suspended", reason=reason)


class BadMessage(ReplyRefused):
    status = 400


class MessageTooLarge(ReplyRefused):
    status = 413

    def __init__(self, limit: int) -> None:
        super().__init__("message_too_large", limit=limit)


class TooFast(ReplyRefused):
    status = 429

    def __init__(self, *, per_minute: int, retry_after: int) -> None:
        super().__init__("too_fast", per_minute=per_minute, retry_after=retry_after)
        self.most = per_minute


class TooManyRunning(ReplyRefused):
    """The sender or the workspace already has `most` running replies, the highest number allowed."""

    status = 429

    def __init__(self, code: str, *, most: int) -> None:
        # When one of them will end is unknown; a script may try again after this many seconds.
        super().__init__(code, most=most, retry_after=5)
        self.most = most


class IdempotencyConflict(ReplyRefused):
    status = 409

    def __init__(self) -> None:
        super().__init__("idempotency_conflict")


class NotReplaceable(ReplyRefused):
    """The reply to replace is still running, or was replaced already."""

    status = 409

    def __init__(self) -> None:
        super().__init__("not_replaceable")


class NotRunnable(ReplyRefused):
    """There is no route, too few credits, or a higher price than was shown.

    `data` has the details.
    """

    STATUS = {"credits_exhausted": 402, "platform_key_missing": 503, "platform_key_unreadable": 503}

    def __init__(self, code: str, **data: Any) -> None:
        super().__init__(code, **data)
        self.status = self.STATUS.get(code, 409)
