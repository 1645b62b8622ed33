"""Documentation of declarations: docstrings, and the string literals that stand under a field or a storage item.

```python
class BondingCurves(Pallet):
    "Mint and burn along a curve."

    max_supply: Const[Balance]
    "Upper bound of a curve's supply."
```
Python keeps the first text and drops the second, so the source is read, once a module and only when somebody asks for
metadata. A module without source at hand (a bytecode-only install) has no documentation, and works all the same.
"""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache
from typing import Any, NamedTuple

LOCALS = "<locals>"


class ClassText(NamedTuple):
    """What one class body says: of the class, and of each name assigned or annotated in it."""

    text: str
    members: dict[str, str]


NOTHING = ClassText("", {})


def class_docs(cls: type[Any]) -> list[str]:
    """The lines of a class's own docstring; the one that `dataclass` makes up doesn't count."""
    return lines(_class_text(cls).text)


def member_docs(cls: type[Any], name: str) -> list[str]:
    """The lines of the text under a declaration in the class or the nearest base that has one."""
    for base in cls.__mro__:
        if name in (found := _class_text(base).members):
            return lines(found[name])
    return []


def lines(text: str | None) -> list[str]:
    """A docstring as lines, without its indentation."""
    return inspect.cleandoc(text).splitlines() if text else []


def rename(cls: type[Any], qualname: str) -> None:
    """Gives a class another qualified name than that of its place in the source, where its documentation is."""
    if "declared_as" not in vars(cls):
        cls.declared_as = cls.__qualname__
    cls.__qualname__ = qualname


def _class_text(cls: type[Any]) -> ClassText:
    return _module_texts(cls.__module__).get(vars(cls).get("declared_as", cls.__qualname__), NOTHING)


@cache
def _module_texts(module: str) -> dict[str, ClassText]:
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (KeyError, OSError, TypeError):
        return {}
    found: dict[str, ClassText] = {}
    _collect(tree, "", found)
    return found


def _collect(node: ast.AST, prefix: str, found: dict[str, ClassText]) -> None:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            name = prefix + child.name
            found[name] = ClassText(ast.get_docstring(child) or "", _members(child))
            _collect(child, f"{name}.", found)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            _collect(child, f"{prefix}{child.name}.{LOCALS}.", found)
        else:
            _collect(child, prefix, found)


def _members(node: ast.ClassDef) -> dict[str, str]:
    found = {}
    for statement, below in zip(node.body, node.body[1:], strict=False):
        text = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else None
        if isinstance(text, str):
            targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
            found.update({target.id: text for target in targets if isinstance(target, ast.Name)})
    return found
