"""The laws between replies and the ledger (docs/reliability.md), as set-based queries.

billing/laws.py has those of the ledger alone. After every money test both must be empty.
"""

from django.db import connection

from agents.models import Reply
from billing.sql import quoted

_LAWS = {
    "L3: a reply on credits has exactly one hold, of its price": """
        SELECT r.id FROM agents_reply r LEFT JOIN billing_hold h ON h.reply_id = r.id
        WHERE r.billing = 'credits' AND (h.id IS NULL OR h.amount <> r.price)""",
    "L3: a reply is charged if and only if its hold was captured": """
        SELECT r.id FROM agents_reply r JOIN billing_hold h ON h.reply_id = r.id
        WHERE (h.state = 'captured') <> (r.charged > 0)""",
    "L3: only an outcome with text is charged": f"""
        SELECT id FROM agents_reply
        WHERE charged > 0 AND (state NOT IN ({quoted(Reply.ANSWERED)}) OR (TRIM(text) = '' AND erased_at IS NULL))""",
    "L3: a reply on credits that was served whole and in time is charged": """
        SELECT r.id FROM agents_reply r JOIN billing_hold h ON h.reply_id = r.id
        WHERE r.state IN ('completed', 'cut') AND r.charged = 0 AND h.state <> 'expired'""",
    "L4: replies not on credits own no hold": """
        SELECT r.id FROM agents_reply r JOIN billing_hold h ON h.reply_id = r.id WHERE r.billing <> 'credits'""",
    "L4: replies not on credits own no capture": """
        SELECT r.id FROM agents_reply r JOIN billing_transfer t ON t.reply_id = r.id
        WHERE r.billing <> 'credits' AND t.kind = 'capture'""",
    "L3: every hold belongs to a reply": """
        SELECT h.id FROM billing_hold h LEFT JOIN agents_reply r ON r.id = h.reply_id WHERE r.id IS NULL""",
    "L8: at most three provider calls a reply, and none without a key": """
        SELECT id FROM agents_reply WHERE attempts > 3 OR (credential_kind = 'none' AND attempts > 0)""",
}


def broken_laws() -> list[str]:
    """The laws that do not hold right now, a sentence each, which names up to three rows."""
    broken = []
    with connection.cursor() as cursor:
        for law, query in _LAWS.items():
            cursor.execute(f"{query} LIMIT 3")
            rows = [str(row[0]) for row in cursor.fetchall()]
            if rows:
                broken.append(f"{law}: not so for {', '.join(rows)}")
    return broken
