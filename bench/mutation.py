"""How many faults put into the rules the tests see: `python -m bench.mutation [MODULE ...]`, or `make mutation`.

One small fault at a time: a comparison moved by one or turned round, an operator, a constant or a truth value changed,
a result or a statement left out. Each is tried in a process of its own, which has loaded everything but the module with
the fault. What survived, and why, is in `docs/policy-mutation.md`.
"""

import ast
import importlib
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType
from typing import NamedTuple

import pytest

SOURCE = Path("src/wattseal")
WORKERS = 2
LONGEST_S = 240.0
TESTS = {
    "policy/sets.py": (
        "policy/test_sets.py",
        "policy/test_waivers.py",
        "policy/test_questions.py",
        "policy/test_levels.py",
        "policy/test_naive.py",
    ),
    "policy/questions.py": ("policy/test_questions.py", "policy/test_waivers.py"),
    "policy/dominance.py": ("policy/test_dominance.py", "policy/test_levels.py", "policy/test_naive.py"),
    "policy/levels.py": ("policy/test_levels.py", "policy/test_questions.py", "policy/test_spending.py"),
    "policy/limits.py": ("policy/test_limits.py", "policy/test_questions.py"),
    "policy/spending.py": ("policy/test_spending.py",),
    "policy/consents.py": ("policy/test_consents.py",),
    "policy/succession.py": ("policy/test_succession.py",),
    "policy/tenures.py": ("policy/test_tenures.py",),
    "policy/bills.py": ("policy/test_bills.py",),
    "policy/bill_questions.py": ("policy/test_bill_edges.py", "policy/test_bill_questions.py", "policy/test_mixed.py"),
    "policy/bill_pins.py": ("policy/test_bill_pins.py", "policy/test_bill_questions.py"),
    "policy/bill_atoms.py": ("policy/test_bill_edges.py", "policy/test_mixed.py"),
    "policy/shares.py": ("policy/test_shares.py", "policy/test_bills.py"),
    "keyserver/chain.py": ("keyserver/test_ledger.py", "keyserver/test_ledger_views.py"),
    "keyserver/ledger.py": (
        "keyserver/test_ledger.py",
        "keyserver/test_ledger_views.py",
        "keyserver/test_days.py",
        "keyserver/test_periods.py",
        "keyserver/test_resets.py",
    ),
}
"""Of each module, the tests that are to see its faults, the quick ones first."""
_LOADED_BEFORE = ("fastapi", "hypothesis.strategies", "numpy", "wattseal.protocol.tariff.toml_file")
_OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore:Module already imported")

_OTHER: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.FloorDiv,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.LShift: (ast.RShift,),
    ast.RShift: (ast.LShift,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
}
_OTHER_NAME = {"any": "all", "all": "any", "min": "max", "max": "min"}
_NOT_RUN = ("annotation", "returns", "decorator_list")


class Fault(NamedTuple):
    """One changed program."""

    place: str
    code: CodeType


def run(names: Sequence[str]) -> int:
    chosen = [name for name in TESTS if not names or any(part in name for part in names)]
    if not chosen:
        print(f"no module is called {', '.join(names)}; there are {', '.join(TESTS)}", file=sys.stderr)
        return 2
    for name in _LOADED_BEFORE:
        importlib.import_module(name)
    total = survived = 0
    for name in chosen:
        faults = list(faults_of(SOURCE / name))
        survivors = sorted(_survivors(name, faults))
        print(
            f"{name}: {len(faults) - len(survivors)} of {len(faults)} faults seen", *survivors, sep="\n  ", flush=True
        )
        total, survived = total + len(faults), survived + len(survivors)
    print(f"all: {total - survived} of {total} faults seen, {100 * (total - survived) / total:.1f} %")
    return 0


def faults_of(path: Path) -> Iterator[Fault]:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    lines = text.splitlines()
    for place in _walk(tree):
        for name, value in _fields(place):
            for replaced in _replaced(value):
                setattr(place, name, replaced.value)
                code = compile(ast.fix_missing_locations(tree), str(path), "exec")
                setattr(place, name, value)
                yield Fault(
                    f"{path.name}:{replaced.line} {lines[replaced.line - 1].strip()}  ->  {replaced.what}", code
                )


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all below it that does anything."""
    yield node
    for _, value in _fields(node):
        for child in value if isinstance(value, list) else [value]:
            yield from _walk(child)


def _fields(node: ast.AST) -> Iterator[tuple[str, ast.AST | list[ast.AST]]]:
    for name, value in ast.iter_fields(node):
        nodes = value if isinstance(value, list) else [value]
        if name not in _NOT_RUN and all(isinstance(one, ast.AST) for one in nodes):
            yield name, value


class _Replaced(NamedTuple):
    """A field of a syntax tree with one fault in it."""

    value: ast.AST | list[ast.AST]
    line: int
    what: str


def _replaced(value: ast.AST | list[ast.AST]) -> Iterator[_Replaced]:
    if isinstance(value, ast.AST):
        for other in _others(value):
            yield _Replaced(other, value.lineno, ast.unparse(other))  # type: ignore[attr-defined]  # it is no operator
        return
    for place, node in enumerate(value):
        for other in _others(node):
            yield _Replaced([*value[:place], other, *value[place + 1 :]], node.lineno, ast.unparse(other))  # type: ignore[attr-defined]


def _others(node: ast.AST) -> Iterator[ast.AST]:
    """What could stand in its place by mistake."""
    others = _other_expressions(node) if isinstance(node, ast.expr) else _other_statements(node)
    return (ast.copy_location(other, node) for other in others)


def _other_expressions(node: ast.expr) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(left=left, ops=ops, comparators=right):
            for place, op in enumerate(ops):
                for other in _OTHER[type(op)]:
                    yield ast.Compare(left, [*ops[:place], other(), *ops[place + 1 :]], right)  # type: ignore[list-item]
        case ast.BinOp(left=left, op=op, right=right):
            yield from (ast.BinOp(left, other(), right) for other in _OTHER.get(type(op), ()))  # type: ignore[arg-type]
        case ast.BoolOp(op=op, values=values):
            yield from (ast.BoolOp(other(), values) for other in _OTHER[type(op)])  # type: ignore[arg-type]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield ast.IfExp(test, orelse, body)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name in _OTHER_NAME:
            yield ast.Call(ast.Name(_OTHER_NAME[name], ast.Load()), args, keywords)
        case ast.Constant(value=int() as number):
            yield ast.Constant(not number if isinstance(number, bool) else number + 1)


def _other_statements(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.If(test=ast.Name() | ast.Attribute() | ast.Call() | ast.NamedExpr() as test, body=block, orelse=rest):
            yield ast.If(ast.UnaryOp(ast.Not(), test), block, rest)
        case ast.Return(value=ast.expr() as result) if not isinstance(result, ast.Constant):
            yield ast.Return(None)
        case ast.Raise() | ast.AugAssign() | ast.Expr(value=ast.Call()):
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()


def _survivors(name: str, faults: Iterable[Fault]) -> Iterator[str]:
    """Places of the faults that every test passes with."""
    if not _passes(_started(name, None), time.monotonic() + LONGEST_S):
        print(f"{name}: its tests fail without any fault", file=sys.stderr)
        sys.exit(1)
    running: list[tuple[Fault, int, float]] = []
    for fault in faults:
        if len(running) == WORKERS:
            yield from _ended(*running.pop(0))
        running.append((fault, _started(name, fault.code), time.monotonic() + LONGEST_S))
    for one in running:
        yield from _ended(*one)


def _ended(fault: Fault, process: int, until: float) -> Iterator[str]:
    if _passes(process, until):
        yield fault.place


def _passes(process: int, until: float) -> bool:
    """Whether it ends well, and in time: a fault that makes an endless loop is seen."""
    while time.monotonic() < until:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return False


def _started(name: str, code: CodeType | None) -> int:
    process = os.fork()
    if process:
        return process
    os.setsid()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.environ["CI"] = "1"  # property tests try the same examples every time
    if code is not None:
        sys.meta_path.insert(0, _Changed("wattseal." + name.removesuffix(".py").replace("/", "."), code))
    tests = [f"tests/{test}" for test in TESTS[name]]
    os._exit(int(pytest.main([*_OPTIONS, *tests])))


class _Changed(MetaPathFinder, Loader):
    """Loads one module from other code."""

    def __init__(self, name: str, code: CodeType) -> None:
        self._name, self._code = name, code

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)  # noqa: S102 - that is what is tried


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
