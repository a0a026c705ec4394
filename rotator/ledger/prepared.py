"""Statements that SQLAlchemy writes once and the driver runs: what every move of a rotation needs.

SQLAlchemy takes ten times as long to run a statement as SQLite does, and a rotation runs forty. So its text is kept,
for each kind of database, with SQLAlchemy's converters of what goes in and what comes out; the driver gets the rest.
Only statements with a fixed number of parameters: a list to choose from is spelled out anew each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Delete, Dialect, Insert, Select, Update
from sqlalchemy.types import TypeEngine

Row = Mapping[str, Any]
Statement = Select[Any] | Insert | Update | Delete
Converter = Callable[[Any], Any] | None


class Prepared:
    """One statement. Its parameters, and the columns of its rows, go by name.

    Everything raises the driver's own errors; ``Database`` explains them.
    """

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._forms: dict[str, _Form] = {}

    def run(self, connection: Connection, values: Row) -> int:
        """Run it; give how many rows it changed."""
        form, cursor = self._form(connection.dialect), connection.connection.cursor()
        cursor.execute(form.text, form.parameters(values))
        return cursor.rowcount

    def run_each(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Run it once for each of these."""
        form, cursor = self._form(connection.dialect), connection.connection.cursor()
        cursor.executemany(form.text, [form.parameters(row) for row in rows])

    def rows(self, connection: Connection, values: Row) -> list[Row]:
        """Run it; give what it finds, or returns."""
        form, cursor = self._form(connection.dialect), connection.connection.cursor()
        cursor.execute(form.text, form.parameters(values))
        return [form.row(found) for found in cursor.fetchall()]

    def first(self, connection: Connection, values: Row) -> Row | None:
        """Run it; give the first of its rows, if there is one."""
        found = self.rows(connection, values)
        return found[0] if found else None

    def _form(self, dialect: Dialect) -> _Form:
        form = self._forms.get(dialect.name)
        if form is None:
            form = self._forms[dialect.name] = _Form(self._statement, dialect)
        return form


class _Form:
    """A statement as one kind of database takes it."""

    def __init__(self, statement: Statement, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        self.text = str(compiled)
        self._is_positional: bool = compiled.positional
        assert all(bind.required for bind in compiled.binds.values()), "a constant is written as a literal"
        names = compiled.positiontup if compiled.positional else compiled.binds
        self._parameters = [(name, _into(compiled.binds[name].type, dialect)) for name in names]
        returned = getattr(statement, "exported_columns", ())
        self._columns = [(column.name, _out_of(column.type, dialect)) for column in returned]

    def parameters(self, values: Row) -> Any:
        """Give the values in the shape that the driver takes."""
        if self._is_positional:
            return [values[name] if into is None else into(values[name]) for name, into in self._parameters]
        return {name: values[name] if into is None else into(values[name]) for name, into in self._parameters}

    def row(self, found: Sequence[Any]) -> Row:
        return {
            name: value if out_of is None else out_of(value)
            for (name, out_of), value in zip(self._columns, found, strict=True)
        }


def _into(kind: TypeEngine[Any], dialect: Dialect) -> Converter:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _out_of(kind: TypeEngine[Any], dialect: Dialect) -> Converter:
    return kind.dialect_impl(dialect).result_processor(dialect, None)
