"""Looks up every function and aggregate that a query names, and their numbers of arguments, before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from tollwatch.query.entries import found
from tollwatch.query.errors import QueryError
from tollwatch.query.kql import syntax
from tollwatch.query.kql.aggregates import AGGREGATES, SEVERAL
from tollwatch.query.kql.functions import FUNCTIONS, SPECIAL
from tollwatch.query.kql.scan import SCALAR

Lambdas = Mapping[str, syntax.Lambda]


def check_query(query: syntax.Query) -> None:
    """Looks up what the query names.

    Raises:
        QueryError: a function or aggregate that the engine lacks, or that takes another number of arguments.
    """
    _Check({}).body(query.lets, query.pipeline)


@dataclass(frozen=True, slots=True)
class _Check:
    """``lambdas``: the query's own functions, by name."""

    lambdas: Lambdas

    def body(self, lets: Sequence[syntax.Let], pipeline: syntax.Pipeline) -> None:
        inner = self
        for let in lets:
            if isinstance(let.value, syntax.Lambda):
                inner.body(let.value.lets, let.value.body)
                inner = _Check({**inner.lambdas, let.name: let.value})
            else:
                inner.pipeline(let.value)
        inner.pipeline(pipeline)

    def pipeline(self, pipeline: syntax.Pipeline) -> None:
        if isinstance(pipeline.source, syntax.Call) and not isinstance(pipeline.source, syntax.Subquery):
            self.source(pipeline.source, alone=not pipeline.stages)
        else:
            self.node(pipeline.source)
        for stage in pipeline.stages:
            self.node(stage)

    def source(self, call: syntax.Call, *, alone: bool) -> None:
        """A call where a table may stand: a name with () may be that of a table."""
        known = call.name in self.lambdas or call.name in FUNCTIONS or call.name in SPECIAL
        if known or call.arguments or (alone and call.name in AGGREGATES):
            self.call(call)

    def node(self, node: Any) -> None:
        """Anything of the tree."""
        match node:
            case syntax.Pipeline():
                self.pipeline(node)
            case syntax.Subquery():
                self.pipeline(node.pipeline)
            case syntax.Summarize():
                self.nodes(one.value for one in node.by)
                for one in node.aggregates:
                    self.aggregate(one.value)
            case syntax.Invoke():
                self.invoked(node.call)
            case syntax.Scan():
                self.scan(node)
            case syntax.Call():
                self.call(node)
            case tuple():
                self.nodes(node)
            case _ if is_dataclass(node):
                self.nodes(getattr(node, one.name) for one in fields(node))

    def nodes(self, nodes: Iterable[Any]) -> None:
        for one in nodes:
            self.node(one)

    def call(self, call: syntax.Call) -> None:
        if isinstance(call, syntax.NamedArgument):
            raise QueryError(f"an argument with a name ({call.label}) is not known here", *call.place)
        if call.name in self.lambdas:
            self.own(call, 0)
        elif call.name in SPECIAL:
            _arity(call, *SPECIAL[call.name])
        elif call.name in AGGREGATES or call.name in SEVERAL:
            raise QueryError(f"the aggregate {call.name} stands in summarize only", *call.place)
        else:
            entry = found(FUNCTIONS, call.name, call.place)
            _arity(call, entry.least, entry.most)
        self.nodes(call.arguments)

    def own(self, call: syntax.Call, given: int) -> None:
        parameters = self.lambdas[call.name].parameters[given:]
        required = sum(one[2] is None for one in parameters)
        _arity(call, required, len(parameters))

    def invoked(self, call: syntax.Call) -> None:
        if call.name not in self.lambdas:
            raise QueryError(f"the function {call.name} is not known", *call.place)
        self.own(call, 1)
        self.nodes(call.arguments)

    def aggregate(self, expression: syntax.Expression) -> None:
        """An aggregate, or a function of aggregates."""
        if isinstance(expression, syntax.Element):
            self.aggregate(expression.of)
        elif not isinstance(expression, syntax.Call) or isinstance(expression, syntax.Subquery):
            self.node(expression)
        else:
            self.aggregating(expression)

    def aggregating(self, call: syntax.Call) -> None:
        """A call in summarize: of an aggregate, or of a function whose arguments are aggregates."""
        if call.name in SEVERAL and (call.name not in AGGREGATES or _several(call)):
            _arity(call, SEVERAL[call.name], None)
            self.nodes(one.arguments[0] if isinstance(one, syntax.NamedArgument) else one for one in call.arguments)
        elif call.name in AGGREGATES:
            _arity(call, AGGREGATES[call.name].least, AGGREGATES[call.name].most)
            self.nodes(call.arguments)
        elif call.name in ("toscalar", "materialize"):
            self.call(call)
        else:
            if call.name in self.lambdas:
                self.own(call, 0)
            elif call.name not in SPECIAL:
                entry = found({**AGGREGATES, **FUNCTIONS}, call.name, call.place)
                _arity(call, entry.least, entry.most)
            for one in call.arguments:
                self.aggregate(one)

    def scan(self, scan: syntax.Scan) -> None:
        self.nodes(one[2] for one in scan.declared if one[2] is not None)
        for expression in (scan.step.condition, *(one.value for one in scan.step.assignments)):
            _scanned(expression)


def _several(call: syntax.Call) -> bool:
    return len(call.arguments) > 1 or any(isinstance(one, syntax.Name) and one.name == "*" for one in call.arguments)


def _scanned(expression: syntax.Expression) -> None:
    if isinstance(expression, syntax.Call):
        if expression.name not in SCALAR:
            raise QueryError(f"scan does not know {expression.name or 'a query'}", *expression.place)
        for one in expression.arguments:
            _scanned(one)


def _arity(call: syntax.Call, least: int, most: int | None) -> None:
    count = len(call.arguments)
    if count < least or (most is not None and count > most):
        wanted = f"{least}" if least == most else f"{least} or more" if most is None else f"{least} to {most}"
        raise QueryError(f"{call.name} takes {wanted} arguments, not {count}", *call.place)
