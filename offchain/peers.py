"""Whether another worker is one to hand secrets to: its quote, verified by this worker itself.

The chain has judged the peer before, and says which measurements, runtimes and roots it takes; what the quote is worth
by the collateral of this moment, and whose seal key it speaks of, is verified here, by dcap-qvl.

    seal_key = await check_peer(finalized, own_key, peer_key, head)

Errors: `PeerRefused`, with the reason.
"""

from __future__ import annotations

from offchain import cluster_records, records
from offchain.chain import Head, StorageItem
from offchain.light.finalized import Finalized
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


async def check_peer(final: Finalized, own: bytes, peer: bytes, head: Head) -> bytes:
    """The seal key of a committee's member that has shown a good quote, by the state after the final block `head`.

    `own` and `peer` are worker keys. Raises `PeerRefused`; what `final` raises passes through.
    """
    record = await final.read_at(head, records.WORKER, peer)
    attested = await final.read_at(head, records.ATTESTED, peer)
    mine = await final.read_at(head, records.ATTESTED, own)
    data = await final.read_at(head, cluster_records.QUOTE, peer)
    now = await final.read_at(head, records.NOW)
    if record is None or attested is None or mine is None or data is None or now is None:
        raise PeerRefused("the chain knows no quote of it")
    if attested.revoked:
        raise PeerRefused("governance revoked its key")
    info, simulated_root = record.info, await final.read_at(head, SIMULATED_ROOT)
    allowed = await final.read_at(head, SIMULATED_ALLOWED)
    roots = Roots(simulated_root, bool(allowed) and mine.simulated)  # real hardware hands nothing to simulated
    try:
        quote = parse_quote(data)
        machine = Machine.of(quote, roots)
        terms = await _terms(final, head, quote.tee, machine)
        if not terms.starts <= now < terms.expires:
            raise PeerRefused("the collateral on file doesn't hold now")
        claims = verify(data, quote, machine, terms, roots, now)
    except DcapError as error:
        raise PeerRefused(f"its quote is no good: {error}") from None
    if confidence(claims.status, claims.advisories) > MAX_CONFIDENCE:
        raise PeerRefused(f"its machine is rated {claims.status.name}")
    if await final.get_at(head, MEASUREMENTS.key(quote.measurement)) is None:
        raise PeerRefused("its enclave's measurement is not on the list")
    if await final.get_at(head, RUNTIMES.key(info.runtime_id)) is None:
        raise PeerRefused("what it runs is not on the list")
    _check_bound(info, quote.report_data, peer, final.genesis)
    block = await final.read_at(head, RECENT, quote.report_data[32:])
    if block is None or now - block[1] > MAX_AGE:
        raise PeerRefused("its quote names no recent final block")
    return info.seal_key


def _check_bound(info: WorkerInfo, report_data: bytes, peer: bytes, genesis: bytes) -> None:
    if report_data[:32] != info.hash or info.worker_key != peer or info.genesis != genesis:
        raise PeerRefused("its quote is another worker's, or speaks of other keys than the chain has of it")


async def _terms(final: Finalized, head: Head, tee: Tee, machine: Machine) -> Terms:
    tcb_info = await final.read_at(head, TCB_INFO, (machine.root, tee, machine.fmspc))
    qe_identity = await final.read_at(head, QE_IDENTITY, (machine.root, tee))
    root_crl = await final.read_at(head, ROOT_CRL, machine.root)
    pck_crl = await final.read_at(head, PCK_CRL, (machine.root, machine.ca))
    if tcb_info is None or qe_identity is None or root_crl is None or pck_crl is None:
        raise PeerRefused("the collateral of its machine is not on file")
    return Terms(tcb_info, qe_identity, root_crl, pck_crl)
