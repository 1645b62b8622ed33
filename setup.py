"""The compiled part of the build: `COMPILED` as native code, made with mypyc from the very files that run without it.

Where there is no C compiler, or with `FATHOM_PURE=1`, the files run as they are, up to half as fast. Everything else
about the package is in `pyproject.toml`.
"""

import os

from setuptools import Extension, setup

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


setup(ext_modules=extensions())
