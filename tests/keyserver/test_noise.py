"""What the decryptor makes of the unblinder's noise, and what each half lets it cost."""

import json
from pathlib import Path

import pytest

from tests.keyserver.bill_run import BASIC, KEY, LAYOUT, START, entries, region, running
from tests.policy.measures import noise_extension, signed_extension
from tests.policy.packs import class_rule, pack_of, purpose_rule
from tests.policy.rosters import REGION, row
from wattseal.keyserver.noise import FARTHEST_SIGMAS, check_share, with_noise
from wattseal.policy.levels import Levels
from wattseal.policy.pack import Zcdp
from wattseal.policy.questions import noise_of
from wattseal.protocol.errors import BudgetExhausted, FunctionalNotPermitted, MalformedMessage
from wattseal.protocol.ids import Channel, CohortId, HalfRole, Role, Suite, Window
from wattseal.protocol.release import ReleaseNoise
from wattseal.protocol.statement import TotalStatement, positions_to_bits
from wattseal.protocol.time import MINUTES_PER_DAY

NOISE = ReleaseNoise(sigma=100, rho_millionths=1, spent_rho_millionths=1, budget_rho_millionths=2)


def test_both_parts_are_added() -> None:
    assert with_noise((10, 20), (-30, 1), (5, 5)) == (-15, 26)


def test_an_exact_total_stays_as_it_is() -> None:
    assert with_noise((10, 20), (), ()) == (10, 20)


@pytest.mark.parametrize(("share", "noise"), [((), NOISE), ((1,), NOISE), ((1, 2, 3), NOISE), ((1, 2), None)])
def test_halves_of_different_policies_release_nothing(share: tuple[int, ...], noise: ReleaseNoise | None) -> None:
    with pytest.raises(FunctionalNotPermitted, match="same noise"):
        check_share(share, noise, 2)


def test_an_unblinder_cannot_move_a_total_far() -> None:
    check_share((0, -FARTHEST_SIGMAS * 100), NOISE, 2)
    with pytest.raises(MalformedMessage, match="larger than the policy's"):
        check_share((0, -FARTHEST_SIGMAS * 100 - 1), NOISE, 2)


DAY = Window(START // MINUTES_PER_DAY + 3)
PAYS_FOR_ONE = pack_of(
    {
        "study": purpose_rule(
            use="secondary",
            basis="noise",
            functionals=("totals",),
            classes={"residential": class_rule(4)},
            noise=Zcdp(mechanism="zcdp", rho_millionths=200, clip=65_535, budget_rho_millionths=200),
        )
    }
)
TOWN = region([row(f"m{number}", f"town/{'ab'[number // 4]}", tariff=BASIC.name) for number in range(8)])


def noisy(cohort: str, count: int) -> TotalStatement:
    return TotalStatement(
        purpose="study",
        region=REGION,
        cohort=CohortId(cohort),
        channel=Channel.DELIVERED,
        window=DAY,
        suite=int(Suite.MASKING),
        key_id=KEY.key_id,
        layout_id=LAYOUT,
        roster_digest=TOWN.fingerprint,
        members=positions_to_bits(range(count), count),
        noise=noise_of(Levels(PAYS_FOR_ONE), "study", 60),
    )


@pytest.mark.parametrize("role", [Role.DECRYPTOR, Role.UNBLINDER])
def test_a_budget_is_extended_at_the_half_that_has_the_extension(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: HalfRole
) -> None:
    """Threat E42: the other half's counts for nothing. A release tells the extended budget."""
    monkeypatch.setattr("tests.keyserver.bill_run.POLICY", PAYS_FOR_ONE)
    extension = noise_extension("town/a", 1_000, first=DAY, last=DAY)
    with running(tmp_path, rosters=[TOWN]) as run:
        half, other = (run.decryptor, run.unblinder) if role is Role.DECRYPTOR else (run.unblinder, run.decryptor)
        town, again = noisy("town", 8), noisy("town/a", 4)
        half.intend(town, town.to_bytes(), half.permit(town), ())
        other.registry.measures.install_extension(signed_extension(extension))
        with pytest.raises(BudgetExhausted):
            half.permit(again)
        half.registry.measures.install_extension(signed_extension(extension))
        permitted = half.permit(again)
        assert permitted.noise is not None
        assert permitted.noise.spent_rho_millionths == permitted.noise.budget_rho_millionths == 400
        half.intend(again, again.to_bytes(), permitted, ())
        with pytest.raises(BudgetExhausted):
            half.permit(noisy("town/b", 4))
        first, second = (json.loads(entry.body) for entry in entries(half))
        assert ("extensions" in first, second["extensions"]) == (False, [extension.fingerprint.hex()])
