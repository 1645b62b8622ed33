"""The optional build: `FATHOM_COMPILE=1` compiles the trie with mypyc, from the very files that run without it.

Everything else about the package is in `pyproject.toml`.
"""

import os

from setuptools import setup

COMPILED = ["node/state/trie.py", "node/state/branch.py", "node/state/node_codec.py"]

if os.environ.get("FATHOM_COMPILE") == "1":
    from mypyc.build import mypycify

    extensions = mypycify(COMPILED, opt_level="3", group_name="fathom")
else:
    extensions = []

setup(ext_modules=extensions)
