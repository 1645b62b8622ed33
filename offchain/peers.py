"""Whether another worker is one to hand secrets to: its quote, verified by this worker itself.

The chain has judged the peer before, and says which measurements, runtimes and roots it takes; what the quote is worth
by the collateral of this moment, and whose seal key it speaks of, is verified here, by dcap-qvl.

    seal_key = await check_peer(chain, own_key, peer_key, final)

Errors: `PeerRefused`, with the reason.
"""

from __future__ import annotations

from offchain import cluster_records, records
from offchain.chain import Chain, Head, StorageItem
from pallets.attestation.certificates import Roots
from pallets.attestation.collateral_parts import RevocationList, SignedDocument, Terms
from pallets.attestation.dcap import Fmspc, Machine, verify
from pallets.attestation.trust import confidence
from pallets.primitives.attestation_record import Measurement, PckCa, Tee, TrustRoot
from pallets.primitives.hashing import Blake2_128Concat, Identity
from pallets.primitives.quote import DcapError, parse_quote
from pallets.primitives.types import H256, BlockNumber, Moment
from pallets.primitives.worker import WorkerInfo

MAX_CONFIDENCE = 2
"""The worst level that a holder hands secrets to; 1 is the best there is."""
MAX_AGE = 600_000
"""How old the block may be that a quote names, in milliseconds."""

PALLET = "Attestation"
SIMULATED_ALLOWED: StorageItem[bool] = StorageItem(PALLET, "SimulatedAllowed", bool)
SIMULATED_ROOT: StorageItem[bytes] = StorageItem(PALLET, "SimulatedRoot", bytes)
TCB_INFO: StorageItem[SignedDocument] = StorageItem(
    PALLET, "TcbInfo", SignedDocument, (tuple[TrustRoot, Tee, Fmspc], Blake2_128Concat)
)
QE_IDENTITY: StorageItem[SignedDocument] = StorageItem(
    PALLET, "QeIdentity", SignedDocument, (tuple[TrustRoot, Tee], Blake2_128Concat)
)
ROOT_CRL: StorageItem[RevocationList] = StorageItem(PALLET, "RootCrl", RevocationList, (TrustRoot, Blake2_128Concat))
PCK_CRL: StorageItem[RevocationList] = StorageItem(
    PALLET, "PckCrl", RevocationList, (tuple[TrustRoot, PckCa], Blake2_128Concat)
)
MEASUREMENTS: StorageItem[bytes] = StorageItem(PALLET, "Measurements", bytes, (Measurement, Blake2_128Concat))
RUNTIMES: StorageItem[bytes] = StorageItem(PALLET, "Runtimes", bytes, (H256, Identity))
RECENT: StorageItem[tuple[int, int]] = StorageItem(PALLET, "Recent", tuple[BlockNumber, Moment], (H256, Identity))


class PeerRefused(Exception):
    """The peer isn't, or doesn't show that it is, an enclave that this worker trusts; the message says why."""


async def check_peer(chain: Chain, own: bytes, peer: bytes, final: Head) -> bytes:
    """The seal key of a committee's member that has shown a good quote, by the state after block `final`.

    `own` and `peer` are worker keys. Raises `PeerRefused`; what the chain's client raises passes through.
    """
    at = final.hash
    record = await chain.read(records.WORKER, peer, at=at)
    attested = await chain.read(records.ATTESTED, peer, at=at)
    mine = await chain.read(records.ATTESTED, own, at=at)
    data = await chain.read(cluster_records.QUOTE, peer, at=at)
    now = await chain.read(records.NOW, at=at)
    if record is None or attested is None or mine is None or data is None or now is None:
        raise PeerRefused("the chain knows no quote of it")
    if attested.revoked:
        raise PeerRefused("governance revoked its key")
    info, simulated_root = record.info, await chain.read(SIMULATED_ROOT, at=at)
    allowed = await chain.read(SIMULATED_ALLOWED, at=at)
    roots = Roots(simulated_root, bool(allowed) and mine.simulated)  # real hardware hands nothing to simulated
    try:
        quote = parse_quote(data)
        machine = Machine.of(quote, roots)
        terms = await _terms(chain, quote.tee, machine, at)
        if not terms.starts <= now < terms.expires:
            raise PeerRefused("the collateral on file doesn't hold now")
        claims = verify(data, quote, machine, terms, roots, now)
    except DcapError as error:
        raise PeerRefused(f"its quote is no good: {error}") from None
    if confidence(claims.status, claims.advisories) > MAX_CONFIDENCE:
        raise PeerRefused(f"its machine is rated {claims.status.name}")
    if await chain.get(MEASUREMENTS.key(quote.measurement), at) is None:
        raise PeerRefused("its enclave's measurement is not on the list")
    if await chain.get(RUNTIMES.key(info.runtime_id), at) is None:
        raise PeerRefused("what it runs is not on the list")
    _check_bound(info, quote.report_data, peer, chain.genesis)
    block = await chain.read(RECENT, quote.report_data[32:], at=at)
    if block is None or now - block[1] > MAX_AGE:
        raise PeerRefused("its quote names no recent final block")
    return info.seal_key


def _check_bound(info: WorkerInfo, report_data: bytes, peer: bytes, genesis: bytes) -> None:
    if report_data[:32] != info.hash or info.worker_key != peer or info.genesis != genesis:
        raise PeerRefused("its quote is another worker's, or speaks of other keys than the chain has of it")


async def _terms(chain: Chain, tee: Tee, machine: Machine, at: bytes) -> Terms:
    tcb_info = await chain.read(TCB_INFO, (machine.root, tee, machine.fmspc), at=at)
    qe_identity = await chain.read(QE_IDENTITY, (machine.root, tee), at=at)
    root_crl = await chain.read(ROOT_CRL, machine.root, at=at)
    pck_crl = await chain.read(PCK_CRL, (machine.root, machine.ca), at=at)
    if tcb_info is None or qe_identity is None or root_crl is None or pck_crl is None:
        raise PeerRefused("the collateral of its machine is not on file")
    return Terms(tcb_info, qe_identity, root_crl, pck_crl)
