"""Context of log lines: the request and the reply that the running code works for.

Set where a request or run begins (bookbag/server/arrival.py, agents/running/runs.py) and read by the log formatter.
Tasks inherit them from the task that starts them, and threads from a context passed to them.
"""

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
reply_id: ContextVar[str] = ContextVar("reply_id", default="")
