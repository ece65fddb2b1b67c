"""What the decryptor makes of the unblinder's noise."""

import pytest

from wattseal.keyserver.noise import FARTHEST_SIGMAS, check_share, with_noise
from wattseal.protocol.errors import FunctionalNotPermitted, MalformedMessage
from wattseal.protocol.release import ReleaseNoise

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
