"""Where the dev chain's spec is: at the top of a checkout, and beside the node where it is installed from a wheel."""

from __future__ import annotations

from pathlib import Path

NAME = "chain_spec.json"
IN_WHEEL = Path(__file__).resolve().with_name(NAME)
DEV_SPEC = IN_WHEEL if IN_WHEEL.exists() else IN_WHEEL.parent.parent / NAME
