"""The audit log is append-only: the database refuses to change or delete an event (workspaces/database_guards.py).

The one way out is `audit.forget`: in one transaction it says from before when events are deleted, which may not be less
than MOST_RECENT days ago, deletes them, and takes its word back. Nobody else's transaction sees that word.

Code that may empty the table, a test suite's flush say, takes these guards down first.
"""

from workspaces.database_guards import Guard

TABLE = "workspaces_auditevent"
REFUSAL = "An audit event is never changed or deleted."

RETENTION = "workspaces_auditretention"
# Days for which every event is kept, whatever anybody sets.
MOST_RECENT = 30
# An hour less, as the database's clock is not the server's.
_LONG_AGO = {
    "sqlite": f"SELECT 1 WHERE NEW.before <= DATETIME('now', '-{MOST_RECENT} days', '+1 hour')",
    "postgresql": f"SELECT 1 WHERE NEW.before <= NOW() - INTERVAL '{MOST_RECENT} days' + INTERVAL '1 hour'",
}

# It looks into another table than its own.
REFUSE_DELETE = Guard(
    name="audit_refuse_delete",
    table=TABLE,
    event="BEFORE DELETE",
    unless="SELECT 1 FROM workspaces_auditretention forgotten WHERE OLD.created_at < forgotten.before",
    refuse=REFUSAL,
)
GUARDS = (
    Guard(name="audit_refuse_update", table=TABLE, event="BEFORE UPDATE", refuse=REFUSAL),
    REFUSE_DELETE,
    Guard(
        name="audit_retention_long_enough",
        table=RETENTION,
        event="BEFORE INSERT",
        unless=_LONG_AGO,
        refuse=f"Audit events are kept for {MOST_RECENT} days at least.",
    ),
    Guard(
        name="audit_retention_never_changed",
        table=RETENTION,
        event="BEFORE UPDATE",
        refuse="What may be deleted of the audit log is not changed, but said anew.",
    ),
    Guard(
        name="audit_refuse_truncate",
        table=TABLE,
        event="BEFORE TRUNCATE",
        refuse=REFUSAL,
        each="STATEMENT",
        only="postgresql",
    ),
)
