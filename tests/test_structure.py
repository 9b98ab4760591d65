"""The architecture, checked in the source: import direction, and size and complexity of functions."""

import ast
import functools
import re
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from radon.complexity import cc_visit_ast

from tests.exemptions import find_exemptions

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (
    "voltkeeper",
    "plugins",
    "outbound",
    "reporting",
    "ingest",
    "ota",
)  # each imports only what follows it
SHIM = "ingest.__main__"  # `python -m ingest` of 0.1: it calls the command line
LEVELS = 8
LINES, COMPLEXITY = 50, 15
EXEMPTIONS = {"noqa": 9, "type: ignore": 3, "Any": 51}
WEB_FRAMEWORKS = ("datasette", "starlette", "uvicorn")
INPUT_OUTPUT = frozenset(
    "asyncio os pathlib select serial socket sqlite3 sqlite_utils subprocess threading time".split()
)
PURE = re.compile(r"ota(\.\w+)?|ingest\.(mysensors|must)\.protocol")


@functools.cache
def modules():
    """Every module of the product: dotted name -> its tree. Read by the first test that asks."""
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


@functools.cache
def folders():
    return {name for name in modules() if any(other.startswith(f"{name}.") for other in modules())}


@functools.cache
def imports_of(module):
    """Names of modules that a module imports, wherever the statement stands, but for type checking alone."""
    return list(_imports_in(modules()[module]))


def _imports_in(tree):
    skipped = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.If) and "TYPE_CHECKING" in ast.unparse(outer.test)
        for inner in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in modules() else node.module


def unit_of(module):
    """The unit of a module: its package, or itself where that package has sub-packages.

    `voltkeeper` is one unit.
    """
    package = module if module in folders() else module.rpartition(".")[0]
    if package.partition(".")[0] == "voltkeeper":
        return "voltkeeper"
    has_sub_packages = any(other in folders() and other.startswith(f"{package}.") for other in folders())
    return module if has_sub_packages else package


def storey_of(module):
    """What counts as a level: a top-level package; within `ingest` a sub-package, or a module of its root."""
    package, _, rest = module.partition(".")
    return ".".join(module.split(".")[:2]) if package == "ingest" and rest else package


def graph_of(unit):
    """Unit -> units that it imports, without itself."""
    graph = defaultdict(set)
    for name in modules():
        if name == SHIM:
            continue
        graph[unit(name)] |= {unit(other) for other in imports_of(name) if other in modules()} - {unit(name)}
    return graph


@pytest.mark.parametrize("unit", [storey_of, unit_of, str], ids=["packages", "sub-packages", "modules"])
def test_no_import_cycle(unit):
    try:
        TopologicalSorter(graph_of(unit)).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(error.args[1])}")


def test_imports_run_one_way():
    against = [
        f"{name} imports {other}"
        for name in modules()
        if name != SHIM
        for other in imports_of(name)
        if other in modules() and rank(other) < rank(name)
    ]
    assert not against


def rank(module):
    return PACKAGES.index(module.partition(".")[0])


def test_few_levels():
    graph, levels = graph_of(storey_of), {}
    for unit in TopologicalSorter(graph).static_order():
        levels[unit] = 1 + max((levels[other] for other in graph[unit]), default=0)
    assert max(levels.values()) <= LEVELS, sorted(levels.items(), key=lambda item: -item[1])


def test_only_the_site_knows_the_web_framework():
    found = [
        f"{name} imports {other}"
        for name in modules()
        if name.startswith(("ingest", "reporting", "ota"))
        for other in imports_of(name)
        if other.partition(".")[0] in WEB_FRAMEWORKS
    ]
    assert not found


def test_protocol_modules_do_no_input_or_output():
    found = [
        f"{name} imports {other}"
        for name in modules()
        if PURE.fullmatch(name)
        for other in imports_of(name)
        if other.partition(".")[0] in INPUT_OUTPUT
    ]
    assert not found


def test_one_class_name_is_one_thing():
    places = defaultdict(list)
    for name, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(name)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def functions():
    for name, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield name, node


def test_functions_are_short():
    long = [
        f"{name}.{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for name, node in functions()
        if node.end_lineno - node.lineno >= LINES
    ]
    assert not long


def test_functions_are_simple():
    found = []
    for name, tree in modules().items():
        for block in cc_visit_ast(tree):
            for one in (block, *getattr(block, "methods", ()), *getattr(block, "closures", ())):
                if one.letter in "FM" and one.complexity > COMPLEXITY:
                    found.append(f"{name}.{one.name}: {one.complexity}")
    assert not found


def test_errors_are_called_errors():
    found = [
        f"{name}.{node.name}"
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(base).endswith(("Error", "Exception")) for base in node.bases)
        and not node.name.endswith("Error")
    ]
    assert not found


def test_hook_files_are_hooks_alone():
    for path in (ROOT / "plugins").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) < 100, path


def test_exemptions_from_checks_are_few_and_say_why():
    found = list(find_exemptions())
    assert [one for one in found if not one.reasoned] == []
    for kind, most in EXEMPTIONS.items():
        assert sum(one.kind == kind for one in found) <= most, kind
