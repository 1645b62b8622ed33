"""`make bench`: one JSON object a line, named by `bench`."""

from __future__ import annotations

import json

from tests.bench import devnet, dispatch


def main() -> None:
    print(json.dumps({"bench": "dispatch", **dispatch.measure()}))
    print(json.dumps({"bench": "devnet", **devnet.measure()}))


if __name__ == "__main__":
    main()
