"""Writes the masking vectors of v1 again: `python -m tests.vectors.regenerate_masking`."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.vectors.masking_model import Masked
from tests.vectors.paillier_model import Json, Layout
from tests.vectors.regenerate_paillier import plus, rendered

DIRECTORY = Path(__file__).parent / "v1"
SIZES = {
    "small": Masked(Layout(8, 16, 6, 72), 5),
    "15_minutes": Masked(Layout(96, 14, 14, 80), 5),
    "10_minutes": Masked(Layout(144, 13, 14, 80), 5),
}


def bad_totals(cohort: Masked) -> Iterator[tuple[str, Json]]:
    """Each has the defect of its name and no other: the check words of a wrong slot are right, and so on."""
    layout, members = cohort.layout, cohort.members
    honest = cohort.total(members)
    ciphertext, pads = bytes.fromhex(honest["ciphertext"]), bytes.fromhex(honest["pad_sum"])
    count, bucket = layout.intervals, layout.intervals + 1
    lift = len(members) * ((1 << layout.read_bits) - 1) + 1 - honest["reads"][0]
    too_many = len(members) + 1 - honest["buckets"][0]
    yield "read_above_range", cohort.total(members, values=plus({0: lift}))
    yield "read_below_zero", cohort.total(members, values=plus({0: -1 - honest["reads"][0]}))
    yield "count", cohort.total(members, values=plus({count: 1}))
    yield "bucket_sum", cohort.total(members, values=plus({bucket: 1}))
    yield "bucket_above_members", cohort.total(members, values=plus({bucket: too_many, bucket + 1: -too_many}))
    yield "buckets_wrapped", cohort.total(members, values=plus({bucket: 1 << 63, bucket + 1: 1 << 63}))
    yield "first_check", cohort.total(members, checks=(1, 0))
    yield "second_check", cohort.total(members, checks=(0, 1))
    yield "member_left_out", cohort.total(members, stated=members[1:])
    yield "member_added", cohort.total(members[1:], stated=members)
    yield "member_twice", cohort.total([*members, members[0]])
    yield "member_under_two_numbers", cohort.total([*members, (0, replace(members[0][1], number=1))])
    yield "two_windows", cohort.total([*members[:-1], (members[-1][0], replace(members[-1][1], start=0, end=1440))])
    yield "other_modulus", cohort.total([(m, replace(name, modulus_id=bytes(16))) for m, name in members])
    yield "other_suite", cohort.total([(m, replace(name, suite=1)) for m, name in members])
    yield "nobody", cohort.total(members, stated=[])
    yield "too_many_members", cohort.total([(m, replace(members[0][1], meter=f"meter-{m}")) for m in range(65)])
    for defect, encoded in {"short": -1, "word_short": -8}.items():
        yield f"ciphertext_{defect}", cohort.total(members, ciphertext=ciphertext[:encoded])
        yield f"pad_sum_{defect}", cohort.total(members, pad_sum=pads[:encoded])
    yield "ciphertext_long", cohort.total(members, ciphertext=ciphertext + b"\0")
    yield "pad_sum_long", cohort.total(members, pad_sum=pads + b"\0")
    yield "pad_sum_zero", cohort.total(members, pad_sum=bytes(len(pads)))


def vectors() -> Iterator[tuple[str, Json]]:
    """File names without suffix, and their content."""
    for size, cohort in SIZES.items():
        check_key = cohort.check_key.hex()
        yield f"layout_{size}", cohort.layout_as_json()
        yield f"report_{size}", {"check_key": check_key, "reports": [cohort.report(m) for m in (0, 1, 4)]}
        yield f"total_{size}", cohort.total(cohort.members)
    for defect, total in bad_totals(SIZES["small"]):
        yield f"total_bad_{defect}", total


def main() -> None:
    for name, content in vectors():
        (DIRECTORY / f"masking_{name}.json").write_text(rendered(content))


if __name__ == "__main__":
    main()
