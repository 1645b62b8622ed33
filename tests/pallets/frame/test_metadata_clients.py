"""The libraries that JavaScript clients stand on, as judges of all metadata versions."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from pallets.frame.metadata import SUPPORTED, metadata_bytes
from pallets.frame.runtime import DispatchErrorType, Runtime
from pallets.frame.types_registry import NoIndex
from pallets.primitives.hashing import storage_prefix
from tests.pallets.frame.decoded_metadata import cases
from tests.pallets.frame.scalecodec_judge import Judge
from tests.pallets.frame.test_codec_oracle import JUDGES, RUNTIMES, cases_of, label

REPOSITORY = Path(__file__).resolve().parents[3]
CLIENTS = ("polkadot.js", "polkadot-api")


@cache
def client_libraries() -> str | None:
    """Why the JavaScript libraries can't judge, or `None` where they can."""
    if shutil.which("node") is None:
        return "node is not installed"
    missing = [p for p in ("@polkadot/types", "polkadot-api") if not (REPOSITORY / "node_modules" / p).is_dir()]
    return f"npm packages {', '.join(missing)} are not installed: npm ci" if missing else None


class Seen(NamedTuple):
    """A runtime, and what each client library makes of each metadata version; `where` names both."""

    runtime: type[Runtime]
    reports: list[tuple[str, str, dict[str, Any]]]


@pytest.fixture(scope="module", params=RUNTIMES, ids=label)
def seen(request: pytest.FixtureRequest) -> Seen:
    """The answers of the client libraries, which are asked once a runtime."""
    reason = client_libraries()
    if reason is not None:
        pytest.skip(reason)
    runtime: type[Runtime] = request.param
    question = {
        "metadata": {str(version): f"0x{metadata_bytes(runtime, version).hex()}" for version in SUPPORTED},
        "values": {
            "polkadot.js": values_of_every_type(JUDGES[runtime]),
            "polkadot-api": values_of_every_type(Judge(runtime, module_errors=False)),  # it shortens those it encodes
        },
        "errors": [JUDGES[runtime].source.registry.id_of(DispatchErrorType), list(errors_of(runtime))],
    }
    judge = REPOSITORY / "tests" / "clients" / "metadata_judge.mjs"
    done = subprocess.run(
        ["node", str(judge)], input=json.dumps(question), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    return Seen(
        runtime,
        [
            (f"{client}, V{version}", client, answer[str(version)][client])
            for version in SUPPORTED
            for client in CLIENTS
        ],
    )


def errors_of(runtime: type[Runtime]) -> dict[str, str]:
    """Names of all pallets' errors by their bytes as a `DispatchError`."""
    made = JUDGES[runtime].runtime
    return {
        f"0x{made.encode_error(error()).hex()}": f"{pallet.wire_name}.{error.__name__}"
        for pallet in made.pallets
        for error in pallet.errors
    }


def values_of_every_type(judge: Judge) -> list[tuple[int, str]]:
    return [
        (number, f"0x{case.encode(value).hex()}")
        for number, case in cases_of(judge).items()
        if not case.values.is_empty
        for value in drawn(case.values)
    ]


def drawn(values: SearchStrategy[Any]) -> list[Any]:
    """A few random values."""
    found: list[Any] = []

    @settings(
        max_examples=4, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(values)
    def take(value: Any) -> None:
        found.append(value)

    take()
    return found


def test_clients_see_storage_and_constants_as_declared(seen: Seen) -> None:
    source = JUDGES[seen.runtime].source
    for where, client, report in seen.reports:
        assert {name: pallet["index"] for name, pallet in report["pallets"].items()} == {
            pallet.name: pallet.index for pallet in source.pallets
        }
        for pallet in source.pallets:
            found = report["pallets"][pallet.name]
            assert found["constants"] == {c.name: f"0x{c.value.hex()}" for c in pallet.constants}, where
            assert set(found["storage"]) == {entry.name for entry in pallet.storage}, where
            for entry in pallet.storage:
                item = found["storage"][entry.name]
                assert item["prefix"] == f"0x{storage_prefix(pallet.name, entry.name).hex()}", where
                assert item["fallback"] == (None if entry.optional else f"0x{entry.default.hex()}"), where
                if client == "polkadot.js":
                    assert item["modifier"] == ("Optional" if entry.optional else "Default"), where
                    assert item["hashers"] == [hasher.name for hasher in entry.hashers], where
                    assert item["docs"] == entry.docs, where
                else:
                    assert item["keys"] == len(entry.hashers), where


def test_clients_find_calls_events_and_errors_at_their_places(seen: Seen) -> None:
    made = JUDGES[seen.runtime].runtime
    for where, client, report in seen.reports:
        for pallet in made.pallets:
            declared = {
                "calls": {s.name: s.index for (at, _), s in made.tables.calls.items() if at == pallet.index},
                "events": {event.__name__: event.index for event in pallet.events},
                "errors": {error.__name__: error.index for error in pallet.errors},
            }
            for kind, places in declared.items():
                found = report["pallets"][pallet.wire_name][kind]
                place = 0 if client == "polkadot.js" else 1
                assert {name: entry[place] for name, entry in found.items()} == places, f"{where}, {pallet.wire_name}"


def test_polkadot_js_sees_fields_and_docs_as_declared(seen: Seen) -> None:
    source = JUDGES[seen.runtime].source
    for where, client, report in seen.reports:
        for pallet in source.pallets if client == "polkadot.js" else []:
            found = report["pallets"][pallet.name]
            for kind, number in (("calls", pallet.calls), ("events", pallet.events)):
                for name, case in ({} if number is None else cases(number, source.types)).items():
                    _, fields, docs = found[kind][name]
                    assert fields == [[field.name, field.type_name] for field in case.fields], where
                    assert docs == case.docs, where


def test_clients_see_extensions_and_apis_as_declared(seen: Seen) -> None:
    runtime, source = seen.runtime, JUDGES[seen.runtime].source
    apis = {
        api.__name__: {m.name: [name.rstrip("_") for name, _ in m.params] for m in api.methods()}
        for api in runtime.apis
    }
    for where, client, report in seen.reports:
        assert report["extensions"] == [extension.identifier for extension in runtime.extensions], where
        assert report["versions"] == [4], where
        assert report["apis"] == ({} if where.endswith("V14") else apis), where
        if client == "polkadot.js":
            assert report["signedExtensions"] == report["extensions"], where
            assert '"Id":"AccountId"' in report["address"], where
            assert '"Sr25519":"Sr25519Signature"' in report["signature"], where
        else:
            assert report["ss58"] == 42, where
            assert report["call"] == source.extrinsic.call, where


def test_clients_can_use_every_type(seen: Seen) -> None:
    no_index = JUDGES[seen.runtime].source.registry.id_of(NoIndex)
    for where, client, report in seen.reports:
        unusable = [] if client == "polkadot-api" else [no_index]  # polkadot.js has its own form of that address
        assert report["unusable"] == unusable, where


def test_clients_decode_and_encode_values_of_every_type(seen: Seen) -> None:
    for where, _, report in seen.reports:
        assert report["failures"] == [], where


def test_clients_name_every_error(seen: Seen) -> None:
    for where, _, report in seen.reports:
        assert report["errors"] == list(errors_of(seen.runtime).values()), where
