"""The parts of the build that take code; everything else about the package is in `pyproject.toml`.

- `COMPILED` as native code, made with mypyc from the very files that run without it. Where there is no C compiler, or
  with `FATHOM_PURE=1`, the files run as they are, up to half as fast.
- The dev chain's spec, which has its place at the top of the project, in a wheel beside the node.
"""

import os
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_py import build_py

COMPILED = [
    "node/chain/pool.py",
    "node/state/branch.py",
    "node/state/node_codec.py",
    "node/state/trie.py",
    "pallets/frame/block_space.py",
    "pallets/frame/bound_items.py",
    "pallets/frame/executive.py",
    "pallets/frame/extension_steps.py",
    "pallets/frame/overlay.py",
]


def extensions() -> list[Extension]:
    if os.environ.get("FATHOM_PURE") == "1":
        return []
    from mypyc.build import mypycify

    made = mypycify(COMPILED, opt_level="3", group_name="fathom")
    for extension in made:
        extension.optional = True  # a compiler that fails leaves the files as they are
    return made


class BuildPy(build_py):
    """Copies the dev chain's spec, too, unless the package is used in its place."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            self.copy_file("chain_spec.json", str(Path(self.build_lib) / "node" / "chain_spec.json"))


setup(ext_modules=extensions(), cmdclass={"build_py": BuildPy})
