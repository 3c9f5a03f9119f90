"""Who imports whom, beyond the layers that import-linter checks."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import rung

SOURCE = Path(rung.__file__).parent
MODULES = {
    ".".join(("rung", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in SOURCE.rglob("*.py")
}


def imports(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Modules of rung and the names taken from them, but for types alone."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ImportFrom) and str(child.module).split(".")[0] == "rung":
            yield from ((str(child.module), alias.name) for alias in child.names)
        if not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)):
            yield from imports(child)


IMPORTS = {name: list(imports(ast.parse(path.read_text()))) for name, path in MODULES.items()}


def package(module: str) -> str:
    return module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]


def test_what_is_private_stays_in_its_package():
    for importer, taken in IMPORTS.items():
        for module, name in taken:
            parts = f"{module}.{name}".split(".")
            private = [
                i for i, part in enumerate(parts) if part.startswith("_") and not part.startswith("__")
            ]
            # `rung._text` and its like are the whole package's.
            homes = {".".join(parts[:i]) for i in private}
            assert all(f"{importer}.".startswith(f"{home}.") for home in homes), (
                f"{importer}: {module}.{name}"
            )


def test_no_modules_import_each_other_in_a_circle():
    graph = {
        importer: {f"{module}.{name}" if f"{module}.{name}" in MODULES else module for module, name in taken}
        for importer, taken in IMPORTS.items()
    }
    # `from rung import x` loads no more than x: the package itself imports nothing before it is asked.
    TopologicalSorter({k: v - {k, "rung"} for k, v in graph.items() if k != "rung"}).prepare()


def test_no_packages_import_each_other_in_a_circle():
    graph: dict[str, set[str]] = {}
    for importer, taken in IMPORTS.items():
        for module, _ in taken:
            ours, its = (".".join(package(name).split(".")[:2]) for name in (importer, module))
            if "rung" not in {ours, its} and ours != its:
                graph.setdefault(ours, set()).add(its)
    TopologicalSorter(graph).prepare()
