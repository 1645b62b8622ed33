"""What proxies may be allowed to do, what is stored of them and of their announcements, and pure accounts.

`ProxyType` is this chain's own: a kind is a filter of calls. Indices are those that Substrate's and Polkadot's nodes
give to the same names; theirs for governance and staking are kept free. Mirrors a runtime's `ProxyType` with its
`InstanceFilter`, and the types of `pallet_proxy`.
"""

from __future__ import annotations

from pallets.frame import H256, U16, U32, AccountId, BlockNumber, UnitEnum, Weight, struct
from pallets.frame.runtime import Call
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256

TRANSFERS = frozenset({"Agents.fund", "Jobs.submit", "Schedules.schedule"})
"""Calls that move the signer's money to another account; besides these any of `TRANSFERRING`."""
TRANSFERRING = frozenset({"Balances", "Assets", "Curves", "Pools", "Sudo"})
"""Pallets of money; and Sudo, whose calls may be any."""
GRANTS = frozenset({"Proxy.add_proxy", "Proxy.remove_proxy"})
TAKES_ALL = frozenset({"Proxy.remove_proxies", "Proxy.kill_pure"})
CANCELS = frozenset({"Proxy.reject_announcement"})
CANCELLING = frozenset({"Utility", "Multisig"})

MAX_PROXIES = 32
MAX_PENDING = 32

# FRAME's benchmarks for full lists, with RocksDB's access times; less the two reads of SafeMode and TxPause, which this
# chain doesn't have, and with the account of the call within, which is read and written.
PROXY = Weight(19_655_145 + 36_306 * MAX_PROXIES + 150_000_000, 4_706)
PROXY_ANNOUNCED = Weight(41_812_078 + 163_029 * MAX_PENDING + 79_539 * MAX_PROXIES + 400_000_000, 5_698)


class ProxyType(UnitEnum):
    """What a proxy may do for an account."""

    __type_path__ = "fathom_runtime::ProxyType"
    Any = 0
    """Everything."""
    NonTransfer = 1
    """Everything but to move the account's money to another."""
    CancelProxy = 6
    """Nothing but to reject what other proxies announced."""

    def allows(self, call: Call) -> bool:
        """Whether a proxy of this kind may make the call; calls within it are asked about one by one."""
        if self is ProxyType.NonTransfer:
            return call.spec.pallet_name not in TRANSFERRING and call.name not in TRANSFERS
        return self is ProxyType.Any or call.spec.pallet_name in CANCELLING or call.name in CANCELS

    def may(self, call: Call) -> bool:
        """Whether a proxy of this kind may make the call, and doesn't make or remove proxies that may do more."""
        if call.name in GRANTS and not self.covers(call.arguments[1]):
            return False
        return self.allows(call) and (self is ProxyType.Any or call.name not in TAKES_ALL)

    def covers(self, other: ProxyType) -> bool:
        """Whether whatever `other` allows is allowed by this kind too (`is_superset`)."""
        return self is other or self is ProxyType.Any or (self is ProxyType.NonTransfer and other is not ProxyType.Any)


@struct(path="pallet_proxy::ProxyDefinition")
class ProxyDefinition:
    """The parameters under which a particular account has a proxy relationship with some other account."""

    __type_arguments__ = (("AccountId", AccountId), ("ProxyType", ProxyType), ("BlockNumber", BlockNumber))

    delegate: AccountId
    """The account which may act on behalf of another."""
    proxy_type: ProxyType
    """A value defining the subset of calls that it is allowed to make."""
    delay: BlockNumber
    """The number of blocks that an announcement must be in place for before the corresponding call may be dispatched.
    If zero, then no announcement is needed.
    """


def order(definition: ProxyDefinition) -> tuple[bytes, int, int]:
    """What definitions are sorted by."""
    return definition.delegate, definition.proxy_type.value, definition.delay


@struct(path="pallet_proxy::Announcement")
class Announcement:
    """Details surrounding a specific instance of an announcement to make a call."""

    __type_arguments__ = (("AccountId", AccountId), ("Hash", H256), ("BlockNumber", BlockNumber))

    real: AccountId
    """The account which made the announcement."""
    call_hash: H256
    """The hash of the call to be made."""
    height: BlockNumber
    """The height at which the announcement was made."""


class DepositKind(UnitEnum):
    """What a deposit is for."""

    __type_path__ = "pallet_proxy::DepositKind"
    Proxies = 0
    """For registering proxies."""
    Announcements = 1
    """For announcing calls."""


DERIVATION = codec_of(tuple[AccountId, BlockNumber, U32, ProxyType, U16])


def pure_account(spawner: bytes, height: int, ext_index: int, proxy_type: ProxyType, index: int) -> bytes:
    """The account that an extrinsic of a block spawns; `index` tells apart those of one extrinsic."""
    return blake2_256(b"modlpy/proxy____" + DERIVATION.encode((spawner, height, ext_index, proxy_type, index)))
