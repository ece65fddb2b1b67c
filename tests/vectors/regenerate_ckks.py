"""Writes the CKKS vectors of v1 again: `python -m tests.vectors.regenerate_ckks`."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.vectors.ckks_model import MODULUS, PRIMES, Bill, RegisterName, Registers, Sealed
from tests.vectors.paillier_model import Json, Layout
from tests.vectors.regenerate_paillier import plus, rendered

DIRECTORY = Path(__file__).parent / "v1"
SIZES = {
    "insecure_64": Sealed(64, Layout(8, 16, 6, 72), 5),
    "15_minutes": Sealed(4096, Layout(96, 14, 14, 80), 5),
}
BILLS = {"insecure_64": Bill(64, 40), "4096": Bill(4096, 96)}
REGISTERS = {"insecure_64": Registers(64, 5), "4096": Registers(4096, 5)}
# 12 x 3.24 x sqrt(5), rounded up.
BOUND = 87


def bad_totals(cohort: Sealed) -> Iterator[tuple[str, Json]]:
    """Each has the defect of its name and no other."""
    layout, members = cohort.layout, cohort.members
    honest = cohort.total(members)
    count, bucket, spare = layout.intervals, layout.intervals + 1, layout.intervals + 17
    lift = len(members) * ((1 << layout.read_bits) - 1) + 1 - honest["reads"][0]
    too_many = len(members) + 1 - honest["buckets"][0]
    yield "read_above_range", cohort.total(members, values=plus({0: lift}))
    yield "read_below_zero", cohort.total(members, values=plus({0: -1 - honest["reads"][0]}))
    yield "count", cohort.total(members, values=plus({count: 1}))
    yield "bucket_sum", cohort.total(members, values=plus({bucket: 1}))
    yield "bucket_below_zero", cohort.total(members, values=plus({bucket: too_many, bucket + 1: -too_many}))
    yield "spare", cohort.total(members, values=plus({spare: 1}))
    yield "last_spare", cohort.total(members, values=plus({cohort.count - 1: -1}))
    yield "error_too_large", cohort.total(members, noise=lambda sums: [BOUND + 1, *list(sums)[1:]])
    yield "error_too_low", cohort.total(members, noise=lambda sums: [*list(sums)[:-1], -BOUND - 1])
    yield "scale", cohort.total(members, of_scale=cohort.scale(members[0][1]) ^ 1 << 62)
    yield "member_left_out", cohort.total(members, stated=members[1:])
    yield "member_added", cohort.total(members[1:], stated=members)
    yield "member_twice", cohort.total([*members, members[0]])
    yield "member_under_two_numbers", cohort.total([*members, (0, replace(members[0][1], number=1))])
    yield "two_windows", cohort.total([*members[:-1], (members[-1][0], replace(members[-1][1], start=0, end=1440))])
    yield "other_modulus", cohort.total([(m, replace(name, modulus_id=bytes(16))) for m, name in members])
    yield "other_suite", cohort.total([(m, replace(name, suite=2)) for m, name in members])
    yield "nobody", cohort.total(members, stated=[])
    yield "too_many_members", cohort.total([(m, replace(members[0][1], meter=f"meter-{m}")) for m in range(65)])
    yield from malformed_totals(cohort)


def malformed_totals(cohort: Sealed) -> Iterator[tuple[str, Json]]:
    honest = cohort.total(cohort.members)
    for part, other in (("ciphertext", "pad_sum"), ("pad_sum", "ciphertext")):
        content = bytes.fromhex(honest[part])
        yield f"{part}_short", {**honest, part: content[:-1].hex()}
        yield f"{part}_long", {**honest, part: (content + b"\0").hex()}
        yield f"{part}_spare_bit", {**honest, part: (content[:-1] + bytes([content[-1] | 0x80])).hex()}
        yield f"{part}_not_reduced", {**honest, **not_reduced(honest, part, other)}
    yield "pad_sum_zero", {**honest, "pad_sum": bytes(len(honest["pad_sum"]) // 2).hex()}


def not_reduced(honest: Json, part: str, other: str) -> Json:
    """Both parts moved alike until the first residue of one is 0, which is then written as the prime."""
    first, second = (int.from_bytes(bytes.fromhex(honest[name]), "little") for name in (part, other))
    low, prime = (1 << 53) - 1, PRIMES[0]
    moved = ((second & low) - (first & low)) % prime
    contents = (first & ~low | prime, second & ~low | moved)
    size = len(honest[part]) // 2
    return dict(zip((part, other), (content.to_bytes(size, "little").hex() for content in contents), strict=True))


def bad_bills(bill: Bill) -> Iterator[tuple[str, Json]]:
    """Each has the defect of its name and no other."""
    first, second = bill.names
    start, end = bill.cycle
    prices = [bill.prices(name) for name in bill.names]
    yield "error_too_large", bill.as_json(shift=1 << 29)
    yield "error_too_low", bill.as_json(shift=-(1 << 29))
    yield "value_too_large", bill.as_json(shift=bill.scale() * ((1 << 40) - bill.value))
    yield "half_a_scale", bill.as_json(shift=bill.scale() // 2)
    yield "another_number", bill.as_json(names=[replace(first, number=0), second])
    yield "channels_exchanged", bill.as_json(names=[second, first])
    yield "another_cycle", bill.as_json(cycle=(start, end + 1440))
    yield "another_price", bill.as_json(prices=[[prices[0][0] + 1, *prices[0][1:]], prices[1]])
    yield "pad_zero", bill.as_json(encoded_pad=bytes(14))
    for defect, content in malformed_numbers(bill.sum):
        yield f"sum_{defect}", bill.as_json(encoded_sum=content)
    for defect, content in malformed_numbers(bill.pad):
        yield f"pad_{defect}", bill.as_json(encoded_pad=content)


def bad_registers(registers: Registers) -> Iterator[tuple[str, Json]]:
    """Opened as what they are not."""
    [name] = registers.names
    assert isinstance(name, RegisterName)
    yield "another_binding", registers.opened_as_json(names=[replace(name, registers=bytes(16))])
    yield "a_cycle_report", registers.opened_as_json(names=[replace(name, kind=2)])
    yield "another_minute", registers.opened_as_json(names=[replace(name, end=name.end - 1440)])


def malformed_numbers(honest: int) -> Iterator[tuple[str, bytes]]:
    yield "short", honest.to_bytes(14, "little")[:-1]
    yield "long", honest.to_bytes(15, "little")
    yield "not_reduced", (honest + MODULUS).to_bytes(14, "little")


def vectors() -> Iterator[tuple[str, Json]]:
    """File names without suffix, and their content."""
    for size, cohort in SIZES.items():
        shared = {"check_key": cohort.check_key.hex(), "error_key": cohort.error_key.hex()}
        yield f"layout_{size}", cohort.layout_as_json()
        yield f"report_{size}", {**shared, "reports": [cohort.report(m) for m in (0, 1, 4)]}
        yield f"total_{size}", cohort.total(cohort.members)
    for size, bill in BILLS.items():
        yield f"cycle_{size}", bill.reports_as_json()
        yield f"bill_{size}", bill.as_json()
    for size, registers in REGISTERS.items():
        yield f"register_{size}", registers.opened_as_json()
    for defect, opened in bad_registers(REGISTERS["insecure_64"]):
        yield f"register_bad_{defect}", opened
    for defect, total in bad_totals(SIZES["insecure_64"]):
        yield f"total_bad_{defect}", total
    for defect, made in bad_bills(BILLS["insecure_64"]):
        yield f"bill_bad_{defect}", made


def main() -> None:
    for name, content in vectors():
        (DIRECTORY / f"ckks_{name}.json").write_text(rendered(content))


if __name__ == "__main__":
    main()
