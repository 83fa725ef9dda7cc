"""The audit log is append-only: the database refuses to change or delete an event (workspaces/database_guards.py).

Code that may empty the table, a test suite's flush say, takes these guards down first.
"""

from workspaces.database_guards import Guard

TABLE = "workspaces_auditevent"
REFUSAL = "An audit event is never changed or deleted."

GUARDS = (
    Guard(name="audit_refuse_update", table=TABLE, event="BEFORE UPDATE", refuse=REFUSAL),
    Guard(name="audit_refuse_delete", table=TABLE, event="BEFORE DELETE", refuse=REFUSAL),
    Guard(
        name="audit_refuse_truncate",
        table=TABLE,
        event="BEFORE TRUNCATE",
        refuse=REFUSAL,
        each="STATEMENT",
        only="postgresql",
    ),
)
