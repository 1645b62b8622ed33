"""A project: a directory with an agent's source, and `agent.json`, which says what it is called and where it begins.

```json
{"name": "weather", "entry": "src/index.ts", "hosts": ["api.example.com"]}
```
`hosts` is what the script may reach; without it, any public host. The entry's default export answers requests: a
function of the request's JSON (`@phala/fn`), or an object with `fetch(Request)` (Hono, Workers). In place of `entry`
there may be `bundle`, a script that was bundled elsewhere and goes onto the chain as it is.

## Out of scope

Bundling: `bundle`. Where a deployed agent is: the chain knows it by its name.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from offchain.authoring.errors import BadName, NoProject, ProjectExists

PROJECT_FILE = "agent.json"
NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")
TEMPLATES = ("typescript", "javascript", "hono")
PLACEHOLDER = "agent-name"


@dataclass(frozen=True)
class Project:
    """An agent's project; `entry` is a path inside of `directory`."""

    directory: Path
    name: str
    entry: Path
    hosts: tuple[str, ...] | None = None
    bundled: bool = False
    """Whether `entry` is a bundle already."""

    @property
    def bundle(self) -> Path:
        """Where the bundle goes."""
        return self.directory / "dist" / "index.js"

    @property
    def cases(self) -> Path:
        """Where the test cases are."""
        return self.directory / "tests"


def create(directory: Path, name: str, template: str) -> list[Path]:
    """Makes a project from a template; its files. Raises `BadName` and `ProjectExists`."""
    if not NAME.fullmatch(name):
        raise BadName(f"{name!r} is no agent's name: lower-case letters, digits and dashes, a letter first, up to 64")
    if directory.exists() and any(directory.iterdir()):
        raise ProjectExists(f"{directory} is not empty: choose another name, or --directory")
    source = files("offchain.authoring") / "templates" / template
    return sorted(_copy(source, directory, name))


def load(directory: Path) -> Project:
    """The project in a directory; raises `NoProject`."""
    path = directory / PROJECT_FILE
    try:
        found = json.loads(path.read_text())
        bundled = "entry" not in found and "bundle" in found
        name, entry, hosts = found["name"], found["bundle" if bundled else "entry"], found.get("hosts")
        if not isinstance(name, str) or not isinstance(entry, str) or not NAME.fullmatch(name):
            raise ValueError("`name` and `entry`, or `bundle`, are text, `name` as agents are called")
        if hosts is not None and not (isinstance(hosts, list) and all(isinstance(host, str) for host in hosts)):
            raise ValueError("`hosts` is a list of names")
    except FileNotFoundError:
        raise NoProject(f"{path} is absent: make a project by `fathom agent new NAME`") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoProject(f"{path} can't be read: {error}") from None
    if not (directory / entry).is_file():
        raise NoProject(f"{path} names {entry}, and there is no such file")
    return Project(directory, name, Path(entry), None if hosts is None else tuple(hosts), bundled)


def _copy(source: Traversable, target: Path, name: str) -> list[Path]:
    target.mkdir(parents=True, exist_ok=True)
    made = []
    for each in source.iterdir():
        path = target / each.name
        if each.is_dir():
            made += _copy(each, path, name)
        else:
            path.write_text(each.read_text().replace(PLACEHOLDER, name))
            made.append(path)
    return made
