"""What a log line belongs to: the request and the reply that the code at hand is working for.

Set where they begin (bookbag/server/arrival.py, agents/running/runs.py) and read by the log's formatter. They follow a
task into the tasks that it starts, and into a thread that is given its context.
"""

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
reply_id: ContextVar[str] = ContextVar("reply_id", default="")
