"""Writes the Paillier vectors of v1 again: `python -m tests.vectors.regenerate_paillier`."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from gmpy2 import gcd, is_prime, powmod

from tests.vectors.paillier_model import Cohort, Json, Key, Layout, Name, derived, make_key, seeded

DIRECTORY = Path(__file__).parent / "v1"


def plus(changes: dict[int, int]) -> Callable[[Iterable[int]], list[int]]:
    return lambda values: [value + changes.get(slot, 0) for slot, value in enumerate(values)]


def bad_totals(cohort: Cohort) -> Iterator[tuple[str, Json]]:
    """Each has the defect of its name and no other: the check value of a wrong slot is right, and so on."""
    layout, n, size = cohort.layout, cohort.key.n, cohort.key.bits // 8
    members = cohort.members
    honest = cohort.total(members)
    ciphertext, pads = bytes.fromhex(honest["ciphertext"]), bytes.fromhex(honest["pad_sum"])
    count, first_bucket = layout.intervals, layout.intervals + 1
    lift = len(members) * ((1 << layout.read_bits) - 1) + 1 - honest["reads"][0]
    yield "read_above_range", cohort.total(members, values=plus({0: lift}))
    yield "count", cohort.total(members, values=plus({count: 1}))
    yield "bucket_sum", cohort.total(members, values=plus({first_bucket: 1}))
    yield "check_value", cohort.total(members, check=1)
    yield "bit_above_top", cohort.total(members, above=1)
    yield "member_left_out", cohort.total(members, stated=members[1:])
    yield "member_added", cohort.total(members[1:], stated=members)
    yield "member_twice", cohort.total([*members, members[0]])
    yield "member_under_two_numbers", cohort.total([*members, (0, replace(members[0][1], number=1))])
    yield "two_windows", cohort.total([*members[:-1], (members[-1][0], replace(members[-1][1], start=0, end=1440))])
    yield "other_modulus", cohort.total([(m, replace(name, modulus_id=bytes(16))) for m, name in members])
    yield "other_suite", cohort.total([(m, replace(name, suite=2)) for m, name in members])
    yield "nobody", cohort.total(members, stated=[])
    yield "too_many_members", cohort.total([(m, replace(members[0][1], meter=f"meter-{m}")) for m in range(65)])
    groups = (list(group) for count in range(1, 6) for group in combinations(members, count))
    group, lifted = next((g, p) for g in groups if (p := pad_number(cohort.total(g)) + n) < 1 << cohort.key.bits)
    yield "pad_sum_not_reduced", cohort.total(group, pad_sum=lifted.to_bytes(size, "little"))
    yield "pad_sum_long", cohort.total(members, pad_sum=pads + b"\0")
    yield "pad_sum_modulus", cohort.total(members, pad_sum=n.to_bytes(size, "little"))
    yield "pad_sum_short", cohort.total(members, pad_sum=pads[:-1])
    yield "pad_sum_zero", cohort.total(members, pad_sum=bytes(size))
    for defect, encoded in bad_ciphertexts(ciphertext, cohort.key):
        yield f"ciphertext_{defect}", cohort.total(members, ciphertext=encoded)


def pad_number(total: Json) -> int:
    return int.from_bytes(bytes.fromhex(total["pad_sum"]), "little")


def bad_ciphertexts(honest: bytes, key: Key) -> Iterator[tuple[str, bytes]]:
    n, size = key.n, key.bits // 4
    number = int.from_bytes(honest, "little")
    yield "short", honest[:-1]
    yield "long", honest + b"\0"
    yield "zero", bytes(size)
    yield "n", n.to_bytes(size, "little")
    yield "multiple_of_n", (number % n * n).to_bytes(size, "little")
    yield "n_squared", (n * n).to_bytes(size, "little")
    yield "all_ones", b"\xff" * size
    yield "shares_a_factor", key.p.to_bytes(size, "little")
    yield "multiple_of_a_factor", (number * key.q % (n * n)).to_bytes(size, "little")


def bad_keys(key: Key) -> Iterator[tuple[str, Json]]:
    """Secret keys with one defect each."""
    larger = range(key.q + 2, 2 * key.q, 2)
    one_mod_four = next(q for q in larger if q % 4 == 1 and is_prime(q))
    related = next(q for q in larger if q % 4 == 3 and gcd(key.p - 1, q - 1) > 2 and is_prime(q))
    fitting = [q for q in larger[:2000] if q % 4 == 3 and gcd(key.p - 1, q - 1) == 2]
    composite = next(q for q in fitting if not is_prime(q))
    other = next(q for q in fitting if is_prime(q))
    honest = encoded_key(key.bits, key.p, key.q, key.h_s)
    yield "prime_1_mod_4", with_own_base(key.bits, key.p, one_mod_four)
    yield "primes_minus_one_share_a_factor", with_own_base(key.bits, key.p, related)
    yield "composite_factor", with_own_base(key.bits, key.p, composite)
    yield "equal_primes", with_own_base(key.bits, key.p, key.p)
    yield "descending_primes", with_own_base(key.bits, key.q, key.p)
    yield "short_prime", with_own_base(key.bits, 3, key.q)
    yield "base_of_another_key", encoded_key(key.bits, key.p, other, key.h_s)
    yield "base_opens_to_another_plaintext", encoded_key(key.bits, key.p, key.q, key.h_s * (1 + key.n) % key.n**2)
    yield "base_one", encoded_key(key.bits, key.p, key.q, 1)
    yield "short", {**honest, "secret": honest["secret"][:-2]}
    yield "long", {**honest, "secret": honest["secret"] + "00"}


def with_own_base(bits: int, p: int, q: int) -> Json:
    return encoded_key(bits, p, q, int(powmod(-4, p * q, (p * q) ** 2)))


def encoded_key(bits: int, p: int, q: int, h_s: int) -> Json:
    fields = (p.to_bytes(bits // 16, "big"), q.to_bytes(bits // 16, "big"), h_s.to_bytes(bits // 4, "big"))
    return {"modulus_bits": bits, "secret": b"".join(fields).hex()}


def derivation() -> Json:
    root, installation = seeded("root", 32), seeded("installation", 32)
    fields = (b"north", b"meter-1", installation)
    uses = ("pad", "tag", "secret", "scale")
    return {
        "root": root.hex(),
        "period": 5,
        "region": "north",
        "meter": "meter-1",
        "installation": installation.hex(),
        "meter_keys": {use: derived(root, 5, "meter", use.encode(), *fields).hex() for use in uses},
        "check_keys": {
            month: derived(root, 5, "check", b"north", month.encode()).hex() for month in ("2026-03", "2026-04")
        },
        "next_root": derived(root, 5, "next").hex(),
    }


def labels(name: Name) -> Json:
    uses = ("pad", "tag", "weight", "check", "scale", "a", "secret", "error", "noise")
    return {
        "label": name.as_json(),
        "encoded": {use: name.encoded(use).hex() for use in uses},
        "chunk_1": name.encoded("pad", 1).hex(),
        "shared": (name.shared("weight") + b"\0").hex(),
        "without_meter": (name.shared("a") + b"\1" + bytes([name.number])).hex(),
    }


def vectors() -> Iterator[tuple[str, Json]]:
    """File names without suffix, and their content."""
    sizes = {
        "insecure_1024": Cohort(make_key(1024), Layout(8, 16, 6, 72), 5),
        "3072": Cohort(make_key(3072), Layout(96, 14, 14, 80), 5),
    }
    for size, cohort in sizes.items():
        yield f"key_{size}", cohort.key.as_json()
        yield f"layout_{size}", cohort.layout.as_json()
        yield f"report_{size}", {"check_key": cohort.check_key.hex(), "reports": [cohort.report(m) for m in range(3)]}
        yield f"total_{size}", cohort.total(cohort.members)
    small = sizes["insecure_1024"]
    yield "label", labels(replace(small.members[1][1], number=3))
    yield "derivation", derivation()
    for defect, total in bad_totals(small):
        yield f"total_bad_{defect}", total
    for defect, key in bad_keys(small.key):
        yield f"key_bad_{defect}", key


def rendered(content: Json) -> str:
    return json.dumps(content, indent=1) + "\n"


def main() -> None:
    for name, content in vectors():
        (DIRECTORY / f"paillier_{name}.json").write_text(rendered(content))


if __name__ == "__main__":
    main()
