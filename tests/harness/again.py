"""Scenes that many tests begin with: made once per process; each test inserts their rows again.

Making the cast through the product takes 150 statements, most of whose time goes into building them; inserting its
rows takes about sixty recorded ones. All times are moved to the present. Used only for tests whose transaction is
rolled back, and only if settings and clock are unchanged, because these affect what is made.
"""

import io
import pickle
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from django.conf import UserSettingsHolder, settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

T = TypeVar("T")
# Settings with the double's address, which do not affect what is made.
HARMLESS = {"PROVIDER_BASE_URLS", "default_settings"}
READS = ("SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK TO")
INSERT = re.compile(r'INSERT INTO "(\w+)" \(([^)]*)\) VALUES \((.*)\) RETURNING "\w+"\."id"', re.DOTALL)
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?")
# On SQLite ids start again after a rollback, so rows made before the scene have lower ids.
ABOVE = 1000


class CannotBePlayed(Exception):
    """A recorded statement that cannot be repeated."""


@dataclass
class Scene(Generic[T]):
    """The rows that `make` makes. `make` takes no arguments and needs only what the migrations left."""

    make: Callable[[], T]
    made_at: datetime = datetime.min
    made: bytes = b""
    statements: list[tuple[str, Any]] = field(default_factory=list)

    def record(self) -> None:
        """Make the scene, record its statements, and roll back.

        A scene that cannot be repeated is made through the product for each test.
        """
        self.made_at = datetime.now(UTC)
        with suppress(CannotBePlayed), transaction.atomic():
            _leave_room_for_ids()
            with connection.execute_wrapper(self._note):
                made = self.make()
            self.made = pickle.dumps(made)
            transaction.set_rollback(True)

    def again(self) -> T:
        """The scene, in the transaction of a test."""
        if self.made and not _is_out_of_the_ordinary():
            with suppress(IntegrityError):  # an id is taken
                return self._play()
        return self.make()

    def _note(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        done = execute(sql, params, many, context)
        if not sql.startswith(READS):
            if many or not sql.startswith(("INSERT", "UPDATE", "DELETE")):
                raise CannotBePlayed(sql)
            self.statements.append(_with_what_the_database_chose(sql, params))
        return done

    def _play(self) -> T:
        shift = datetime.now(UTC) - self.made_at
        with transaction.atomic(), connection.cursor() as cursor:
            for sql, params in self.statements:
                cursor.execute(sql, [_later(value, shift) for value in params or ()] or None)
        made: T = _Later(self.made, shift).load()
        return made


def _leave_room_for_ids() -> None:
    if connection.vendor != "sqlite":
        return  # advances a sequence only
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'")
        for (table,) in cursor.fetchall():
            cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
            highest = f'SELECT %s, {ABOVE} + COALESCE(MAX("id"), 0) FROM "{table}"'
            cursor.execute(f"INSERT INTO sqlite_sequence (name, seq) {highest}", [table])


def _with_what_the_database_chose(sql: str, params: Any) -> tuple[str, Any]:
    """An INSERT that gives the row the id and the codes which the database has just chosen; any other statement as it is."""
    found = INSERT.match(sql)
    if found is None:
        return sql, params
    table, columns, values = found.groups()
    if "), (" in values:
        raise CannotBePlayed(sql)
    if '"id"' in columns:  # it was chosen by whoever made the row
        return f'INSERT INTO "{table}" ({columns}) VALUES ({values})', params
    last, left, parts = _last_id(table), iter(params), []
    given: list[Any] = []
    for name, value in zip(columns.split(", "), _parts(values), strict=True):
        # The database's default, by its name or written out: what it gave this row.
        is_chosen = value == "DEFAULT" or ("(" in value and "%s" not in value)
        parts.append("%s" if is_chosen else value)
        given += [_value(table, name, last)] if is_chosen else [next(left) for _ in range(value.count("%s"))]
    return f'INSERT INTO "{table}" ("id", {columns}) VALUES ({last}, {", ".join(parts)})', given


def _parts(values: str) -> list[str]:
    """`%s, f(a, b), 1` as its three parts."""
    parts = [""]
    depth = 0
    for sign in values:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def _last_id(table: str) -> int:
    if connection.vendor == "sqlite":
        found = connection.connection.execute("SELECT last_insert_rowid()").fetchone()
    else:
        sequence = f"pg_get_serial_sequence('\"{table}\"', 'id')"
        found = connection.connection.execute(f"SELECT currval({sequence})").fetchone()
    return int(found[0])


def _value(table: str, quoted_name: str, last: int) -> Any:
    return connection.connection.execute(
        f'SELECT {quoted_name} FROM "{table}" WHERE "id" = {last}'
    ).fetchone()[0]


def _later(value: Any, shift: timedelta) -> Any:
    if isinstance(value, datetime):
        return value + shift
    if isinstance(value, str) and TIME.fullmatch(value):
        return (datetime.fromisoformat(value) + shift).isoformat(sep=" ")
    return value


class _Later(pickle.Unpickler):
    """Unpickles with all times moved."""

    def __init__(self, data: bytes, shift: timedelta) -> None:
        super().__init__(io.BytesIO(data))
        self._shift = shift

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        return (lambda *parts: found(*parts) + self._shift) if found is datetime else found


def _is_out_of_the_ordinary() -> bool:
    changed: set[str] = set()
    holder: Any = settings._wrapped  # type: ignore[misc]
    while isinstance(holder, UserSettingsHolder):
        changed |= {name for name in vars(holder) if name != "_deleted"} | holder._deleted
        holder = holder.default_settings
    return bool(changed - HARMLESS) or abs(timezone.now() - datetime.now(UTC)) > timedelta(seconds=1)
