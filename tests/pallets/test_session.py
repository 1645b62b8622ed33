from __future__ import annotations

import contextlib
import gzip
import json

from hypothesis import given
from hypothesis import strategies as st

from pallets.frame.events import DispatchError
from pallets.frame.genesis import build_genesis
from pallets.frame.origin import signed
from pallets.frame.testing import externalities, noop
from pallets.primitives.hashing import storage_prefix
from pallets.primitives.keys import Scheme, dev_keypair
from pallets.runtime import UNIT, DevRuntime
from pallets.session import Session, SessionKeys
from pallets.system.account import MAX_CONSUMERS
from tests.pallets.dev_chain import FIRST_SLOT, DevChain
from tests.vectors import vector

ALICE, BOB, CHARLIE = (dev_keypair(name).public for name in ("Alice", "Bob", "Charlie"))
NOBODY = b"\x77" * 32
ENDOWED = {"balances": [(who, UNIT) for who in (ALICE, BOB, CHARLIE)]}


def keys(number: int) -> SessionKeys:
    return SessionKeys(bytes((number,)) * 32, bytes((number + 100,)) * 32)


def entries(state: dict[bytes, bytes], item: str) -> dict[str, str]:
    prefix = storage_prefix("Session", item)
    return {"0x" + key.hex(): "0x" + value.hex() for key, value in state.items() if key.startswith(prefix)}


def test_genesis_is_that_of_a_real_collator_chain() -> None:
    """Asset Hub Kusama's: Bob and Alice, each account its own Aura key, and no GRANDPA keys."""
    recorded = json.loads(gzip.decompress(vector("recorded/chopsticks/ahk_blocks2.json.gz").read_bytes()))
    real = recorded["blocks"][0]["state"]
    given = [(who, who, SessionKeys(aura=who, grandpa=b"\1" * 31 + who[:1])) for who in (BOB, ALICE)]
    state = build_genesis(DevRuntime, {"balances": ENDOWED, "session": {"keys": given}})
    assert entries(state, "Validators").items() <= real.items()
    owners = entries(state, "KeyOwner")
    assert len(owners) == 4
    assert len(owners.items() & real.items()) == 2  # the Aura keys, hashed keys and all
    assert entries(state, "NextKeys").keys() <= real.keys()
    assert entries(state, "QueuedKeys").keys() <= real.keys()
    version = storage_prefix("Session", ":__STORAGE_VERSION__:")
    assert "0x" + state[version].hex() == real["0x" + version.hex()]


def test_genesis_ties_an_account_to_its_keys() -> None:
    session = {"keys": [(ALICE, BOB, keys(1)), (NOBODY, NOBODY, keys(2))]}
    with externalities(DevRuntime, balances=ENDOWED, session=session) as rt:
        assert rt.session.validators == [BOB, NOBODY]
        assert rt.session.queued_keys == [(BOB, keys(1)), (NOBODY, keys(2))]
        assert rt.session.key_owner[b"gran", keys(1).grandpa] == BOB
        assert rt.system.account[ALICE].consumers == 1
        assert rt.system.account[BOB].consumers == 0
        assert (rt.system.account[NOBODY].providers, rt.system.account[NOBODY].consumers) == (1, 0)


def test_keys_are_set() -> None:
    with externalities(DevRuntime, balances=ENDOWED) as rt:
        rt.session.set_keys(ALICE, keys(1), b"")
        assert rt.session.next_keys[ALICE] == keys(1)
        assert rt.session.key_owner[b"aura", keys(1).aura] == ALICE
        assert rt.session.key_owner[b"gran", keys(1).grandpa] == ALICE
        assert rt.system.account[ALICE].consumers == 1
        assert rt.session.validators == []  # of a session that doesn't come


def test_changed_keys_free_the_old_ones() -> None:
    with externalities(DevRuntime, balances=ENDOWED) as rt:
        rt.session.set_keys(ALICE, keys(1), b"")
        rt.session.set_keys(ALICE, SessionKeys(keys(1).aura, keys(2).grandpa), b"")
        assert rt.session.key_owner.get((b"gran", keys(1).grandpa)) is None
        assert rt.session.key_owner[b"aura", keys(1).aura] == ALICE
        assert rt.session.key_owner[b"gran", keys(2).grandpa] == ALICE
        assert rt.system.account[ALICE].consumers == 1
        rt.session.set_keys(BOB, SessionKeys(keys(3).aura, keys(1).grandpa), b"")


def test_keys_of_somebody_else_are_refused() -> None:
    with externalities(DevRuntime, balances=ENDOWED) as rt:
        rt.session.set_keys(ALICE, keys(1), b"")
        for taken in (SessionKeys(keys(1).aura, keys(2).grandpa), SessionKeys(keys(2).aura, keys(1).grandpa)):
            with noop(rt, Session.DuplicatedKey):
                rt.session.set_keys(BOB, taken, b"")
        # The same bytes as a key of another type are another key.
        rt.session.set_keys(BOB, SessionKeys(keys(1).grandpa, keys(1).aura), b"")


def test_an_account_that_is_not_there_has_no_keys() -> None:
    with externalities(DevRuntime, balances=ENDOWED) as rt, noop(rt, Session.NoAccount):
        rt.session.set_keys(NOBODY, keys(1), b"")


def test_an_account_at_the_consumer_limit_has_no_keys() -> None:
    with externalities(DevRuntime, balances=ENDOWED) as rt:
        info = rt.system.account[ALICE]
        info.consumers = MAX_CONSUMERS
        rt.system.account[ALICE] = info
        with noop(rt, Session.NoAccount):
            rt.session.set_keys(ALICE, keys(1), b"")


def test_purged_keys_leave_nothing() -> None:
    with externalities(DevRuntime, balances=ENDOWED) as rt:
        before = dict(rt.state.backend.pairs.items())  # type: ignore[attr-defined]
        rt.session.set_keys(ALICE, keys(1), b"")
        rt.session.purge_keys(ALICE)
        assert not list(rt.state.keys(storage_prefix("Session", "NextKeys")))
        assert not list(rt.state.keys(storage_prefix("Session", "KeyOwner")))
        account = rt.system.account.key(ALICE)
        assert rt.state.get(account) == before[account]
        with noop(rt, Session.NoKeys):
            rt.session.purge_keys(ALICE)


def test_calls_have_the_bytes_of_frame() -> None:
    with externalities(DevRuntime, balances=ENDOWED) as rt:
        call = rt.call("Session", "set_keys", keys=keys(1), proof=b"\xaa\xbb")
        assert rt.encode_call(call).hex() == "0900" + "01" * 32 + "65" * 32 + "08aabb"
        rt.dispatch(rt.decode_call(rt.encode_call(call)), signed(ALICE))
        assert rt.encode_call(rt.call("Session", "purge_keys")).hex() == "0901"
        assert rt.session.next_keys[ALICE] == keys(1)


@given(st.lists(st.tuples(st.sampled_from((ALICE, BOB, CHARLIE)), st.integers(0, 5), st.integers(0, 5)), max_size=30))
def test_every_key_has_the_owner_that_has_it(steps: list[tuple[bytes, int, int]]) -> None:
    with externalities(DevRuntime, balances=ENDOWED) as rt:
        for who, aura, grandpa in steps:
            call = rt.call("Session", "set_keys", keys=SessionKeys(keys(aura).aura, keys(grandpa).grandpa), proof=b"")
            with contextlib.suppress(DispatchError):
                rt.dispatch(rt.call("Session", "purge_keys") if aura == 0 else call, signed(who))
        owned = {(kind, key): who for who, held in rt.session.next_keys.items() for kind, key in held.by_type()}
        assert dict(rt.session.key_owner.items()) == owned
        for who in (ALICE, BOB, CHARLIE):
            assert rt.system.account[who].consumers == (who in rt.session.next_keys)


def test_the_validators_name_the_author_of_a_block() -> None:
    """What py-substrate-interface does: the validator at the slot modulo how many there are."""
    authorities = [dev_keypair(name).public for name in ("Alice", "Bob")]
    grandpa = [dev_keypair(name, Scheme.ED25519).public for name in ("Alice", "Bob")]
    accounts = [dev_keypair(f"{name}//stash").public for name in ("Alice", "Bob")]
    given = [(who, who, SessionKeys(a, g)) for who, a, g in zip(accounts, authorities, grandpa, strict=True)]
    chain = DevChain(aura={"authorities": authorities}, session={"keys": given})
    runtime = chain.runtime()
    for slot in (FIRST_SLOT, FIRST_SLOT + 1):
        validator = runtime.session.validators[slot % 2]
        assert runtime.session.next_keys[validator].aura == runtime.aura.author(slot)


def test_the_session_lasts() -> None:
    chain = DevChain()
    for _ in range(3):
        made = chain.author()
        assert not [key for key in made.changes if key.startswith(storage_prefix("Session", "Validators")[:16])]
    assert chain.runtime().session.current_index == 0
