"""From a project's source to one script: what esbuild makes of the entry, as a handler program.

A bundle begins with `'use agent';`: workers evaluate it once, keep the state, and call `globalThis.agent` for each
request. The directive, and that the entry's default export is the handler, is all that is added.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from offchain.authoring.errors import BundleFailed, BundleTooLarge, NoBundler
from offchain.authoring.project import Project

MAX_CODE = 512 * 1024
"""Bytes of code that a chain takes."""
BUNDLER = Path("node_modules") / ".bin" / "esbuild"
BUILD_SECONDS = 120
NODE_MODULES = ("node:*", "async_hooks", "crypto", "fs", "http", "https", "net", "os", "path", "stream", "tls", "zlib")
"""What stays an import: workers have it, as far as agents can use it."""
HANDLER = """import * as entry from {entry};
const found = entry.default ?? entry.main ?? entry;
globalThis.agent = found;
"""


def bundle(project: Project, *, minify: bool = True) -> bytes:
    """Bundles the entry and all that it imports, or takes it as it is where it is a bundle.

    Raises `NoBundler`, `BundleFailed` and `BundleTooLarge`.
    """
    if project.bundled:
        return _small((project.directory / project.entry).read_bytes())
    command = [
        str(find_bundler(project.directory)),
        "--bundle",
        "--format=iife",
        "--platform=neutral",
        "--target=es2023",
        "--main-fields=module,main",
        "--conditions=worker,import",
        "--banner:js='use agent';",
        "--charset=utf8",
        "--legal-comments=none",
        "--log-level=warning",
        "--color=false",
        "--loader=ts",
        "--loader:.html=text",
        *(f"--external:{name}" for name in NODE_MODULES),
        *(["--minify"] if minify else []),
    ]
    source = HANDLER.format(entry=_quoted(f"./{project.entry.as_posix()}"))
    try:
        made = subprocess.run(
            command, input=source.encode(), capture_output=True, cwd=project.directory, timeout=BUILD_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BundleFailed(f"esbuild could not be run: {error}") from None
    if made.returncode:
        raise BundleFailed(made.stderr.decode("utf-8", "replace").strip())
    return _small(made.stdout)


def _small(code: bytes) -> bytes:
    if len(code) > MAX_CODE:
        raise BundleTooLarge(f"the bundle has {len(code)} bytes, and a chain takes {MAX_CODE}: import less")
    return code


def find_bundler(directory: Path) -> Path:
    """The esbuild of the project, of a directory above it, of Fathom itself, or on the path; raises `NoBundler`."""
    fathom = Path(__file__).resolve().parents[2]
    for place in (*(directory.resolve(), *directory.resolve().parents), fathom):
        if (place / BUNDLER).is_file():
            return place / BUNDLER
    found = shutil.which("esbuild")
    if found is None:
        raise NoBundler(f"esbuild is missing: run `npm install` in {directory}")
    return Path(found)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
