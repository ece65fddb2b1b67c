"""What one would use instead, as its documentation uses it: python-paillier, and TenSEAL's CKKS."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from wattseal.bench.lanes import INTERVALS, RELEASE_MEMBERS, Kind, Lane, Party, Prepared, Step, error_of, reads_of

PAILLIER_BITS = 3_072
TENSEAL_DEGREE, TENSEAL_PRIMES, TENSEAL_SCALE = 8_192, (60, 40, 40, 60), 2.0**40

# Its numbers take 40 ms each: so many intervals stand for a day.
_PHE_INTERVALS = 4
_PHE_MOST, _TENSEAL_MOST = 4, 128


def peer_lanes() -> list[Lane]:
    """Those whose library is installed; the others are named by `missing`."""
    return [lane for library, lane in _PEERS if library not in missing()]


@lru_cache(maxsize=1)
def missing() -> tuple[str, ...]:
    """Libraries of peers that are not installed here (extra `reference`)."""
    return tuple(library for library, _ in _PEERS if not _importable(library))


def _importable(library: str) -> bool:
    try:
        __import__(library)
    except ImportError:
        return False
    return True


def _python_paillier(meters: int) -> Prepared:
    """One number a read: `encrypt`, `+`, `decrypt`."""
    from phe import paillier

    public, private = _phe_keys()
    reads = reads_of(meters)[:, :_PHE_INTERVALS]
    numbers = [int(read) for read in reads.ravel()]
    sealed = [public.encrypt(number) for number in numbers]

    def add() -> list[paillier.EncryptedNumber]:
        columns = [sealed[interval::_PHE_INTERVALS] for interval in range(_PHE_INTERVALS)]
        return [sum(column[1:], column[0]) for column in columns]

    totals = add()
    share = _PHE_INTERVALS / INTERVALS
    steps = (
        Step(Party.METER, "encrypt", lambda: [public.encrypt(number) for number in numbers], meters, share),
        Step(Party.AGGREGATOR, "add", add, meters, share),
        Step(Party.DECRYPTOR, "decrypt", lambda: [private.decrypt(total) for total in totals], RELEASE_MEMBERS, share),
    )
    # A ciphertext is a number below n^2.
    return Prepared(steps, INTERVALS * PAILLIER_BITS / 4, error_of([private.decrypt(total) for total in totals], reads))


@lru_cache(maxsize=1)
def _phe_keys() -> tuple[Any, Any]:
    from phe import paillier

    public, private = paillier.generate_paillier_keypair(n_length=PAILLIER_BITS)
    return public, private


def _tenseal(meters: int) -> Prepared:
    """One vector a day: `ckks_vector`, `+`, `decrypt`."""
    import tenseal

    context, reads = _tenseal_context(), reads_of(meters)
    days = reads.tolist()

    def encrypt() -> list[tenseal.CKKSVector]:
        return [tenseal.ckks_vector(context, day) for day in days]

    sealed = encrypt()

    def add() -> tenseal.CKKSVector:
        return sum(sealed[1:], sealed[0])

    total = add()
    steps = (
        Step(Party.METER, "encrypt, serialize", lambda: [vector.serialize() for vector in encrypt()], meters),
        Step(Party.AGGREGATOR, "add", add, meters),
        Step(Party.DECRYPTOR, "decrypt", total.decrypt, RELEASE_MEMBERS),
    )
    return Prepared(steps, _mean_bytes([vector.serialize() for vector in sealed]), error_of(total.decrypt(), reads))


@lru_cache(maxsize=1)
def _tenseal_context() -> Any:  # noqa: ANN401 - the library has no types
    import tenseal

    context = tenseal.context(tenseal.SCHEME_TYPE.CKKS, TENSEAL_DEGREE, coeff_mod_bit_sizes=list(TENSEAL_PRIMES))
    context.global_scale = TENSEAL_SCALE
    return context


def _mean_bytes(bodies: Sequence[bytes]) -> float:
    return sum(map(len, bodies)) / len(bodies)


_PEERS = (
    (
        "phe",
        Lane(
            "python-paillier",
            Kind.PEER,
            _python_paillier,
            _PHE_MOST,
            f"one number a read, {PAILLIER_BITS:,} bits; {_PHE_INTERVALS} of {INTERVALS} intervals are measured",
        ),
    ),
    (
        "tenseal",
        Lane(
            "tenseal-ckks",
            Kind.PEER,
            _tenseal,
            _TENSEAL_MOST,
            f"one vector a day, N = {TENSEAL_DEGREE:,}; approximate",
        ),
    ),
)
