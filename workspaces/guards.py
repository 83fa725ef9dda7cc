"""The audit log is append-only: the database refuses to change or delete an event (workspaces/database_guards.py).

The only exception is `audit.forget`. In one transaction it stores the date before which events may be deleted, which
must be at least MOST_RECENT days ago, deletes the events, and deletes the stored date. No other transaction sees
that date.

Code that may empty the table, such as a test suite's flush, removes these guards first.
"""

from workspaces.database_guards import Guard

TABLE = "workspaces_auditevent"
REFUSAL = "An audit event is never changed or deleted."

RETENTION = "workspaces_auditretention"
# The days for which every event is kept, whatever AUDIT_DAYS says.
MOST_RECENT = 30
# An hour less, because the database's clock may differ from the server's.
_LONG_AGO = {
    "sqlite": f"SELECT 1 WHERE NEW.before <= DATETIME('now', '-{MOST_RECENT} days', '+1 hour')",
    "postgresql": f"SELECT 1 WHERE NEW.before <= NOW() - INTERVAL '{MOST_RECENT} days' + INTERVAL '1 hour'",
}

# Removed while migrations run, because it names a table other than its own.
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
