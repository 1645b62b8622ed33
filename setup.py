"""The compiled part of the build: the trie as native code, made with mypyc from the very files that run without it.

Where there is no C compiler, or with `FATHOM_PURE=1`, the files run as they are, about half as fast. Everything else
about the package is in `pyproject.toml`.
"""

import os

from setuptools import Extension, setup

COMPILED = ["node/state/trie.py", "node/state/branch.py", "node/state/node_codec.py"]


def extensions() -> list[Extension]:
    if os.environ.get("FATHOM_PURE") == "1":
        return []
    from mypyc.build import mypycify

    made = mypycify(COMPILED, opt_level="3", group_name="fathom")
    for extension in made:
        extension.optional = True  # a compiler that fails leaves the files as they are
    return made


setup(ext_modules=extensions())
