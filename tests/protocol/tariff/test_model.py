import json
from typing import Any

import pytest
from nacl.signing import SigningKey
from pydantic import ValidationError

from tests.protocol.tariff.samples import ENERGY, EXPORT, TOU, TWO_SEASONS, flat, peak, tariff, tiered, tiers
from wattseal.protocol.errors import MalformedMessage, SignatureInvalid
from wattseal.protocol.signing import Envelope
from wattseal.protocol.tariff.charges import (
    DemandCharge,
    EnergyCharge,
    FixedCharge,
    MinimumCharge,
    Mode,
    PercentCharge,
    ProgramPrice,
    SeriesCharge,
    Tier,
)
from wattseal.protocol.tariff.model import Allowance, Holiday, Row, Schedule, Tariff, Turn
from wattseal.protocol.tariff.toml_file import packaged

HOURLY = SeriesCharge(name="Hourly", start=0, step_minutes=60, prices=(1,))
HOLIDAY = Holiday(name="New Year", month=1, day=1)
DEMAND = DemandCharge(name="Demand", schedule="flat", tiers=tiers((None, 1)))


def energy(*prices: int | None, **changes: Any) -> EnergyCharge:  # noqa: ANN401 - any field's value
    return EnergyCharge(**{"name": "Energy", "schedule": "flat", "prices": prices, **changes})


@pytest.mark.parametrize("name", ["E-1", "E-TOU-C", "E-TOU-D", "E-ELEC", "EV2-A"])
def test_a_tariff_is_one_message_that_can_be_signed(name: str) -> None:
    sheet = packaged(name)
    assert Tariff.from_bytes(sheet.to_bytes()) == sheet
    key = SigningKey(bytes(32))
    envelope = Envelope.issue(sheet, key)
    assert envelope.opened(Tariff, bytes(key.verify_key)).digest() == sheet.fingerprint
    changed = json.loads(sheet.to_bytes())
    changed["charges"][0]["prices"][0] += 1
    body = Tariff.parse(json.dumps(changed).encode()).to_bytes()
    with pytest.raises(SignatureInvalid):
        envelope.model_copy(update={"body": body}).opened(Tariff, bytes(key.verify_key))


@pytest.mark.parametrize("price", [0.4, True, "1", 10**12])
def test_prices_are_integers(price: object) -> None:
    fields = json.loads(tariff(ENERGY).to_bytes())
    fields["charges"][0]["prices"] = [price]
    with pytest.raises(MalformedMessage, match=r"charges\.0\.energy\.prices\.0"):
        Tariff.parse(json.dumps(fields).encode())


def test_the_charges_that_have_amounts() -> None:
    made = tariff(TOU, EXPORT, tiered((None, 1)), HOURLY, DEMAND)
    amounts, sums = made.modes(Mode.AMOUNT), made.modes(Mode.DETERMINANTS)
    assert amounts == {"Energy": "amount", "Export": "amount", "Tiers": "determinants", "Hourly": "amount"}
    assert sums == {"Energy": "determinants", "Export": "determinants", "Tiers": "determinants", "Hourly": "amount"}


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"charges": ()}, "at least 1 item"),
        ({"charges": (ENERGY, ENERGY)}, "charges: two share a name"),
        ({"charges": (energy(1, schedule="none"),)}, "charge 'Energy': there is no schedule 'none'"),
        ({"charges": (energy(1, 2),)}, "charge 'Energy': a price for each period of schedule 'flat'"),
        ({"charges": (tiered((None, 1), schedule="tou"),)}, "charge 'Tiers': a price for each period"),
        ({"charges": (energy(250_001),)}, "charge 'Energy': a price of energy is above 250000 units of 1e-5"),
        ({"charges": (energy(-250_001),)}, "above 250000"),
        ({"charges": (tiered((1, 1), (None, 250_001)),)}, "charge 'Tiers': a price of energy is above"),
        (
            {"charges": (HOURLY.model_copy(update={"prices": (250_001,)}),)},
            "charge 'Hourly': a price of energy is above",
        ),
        ({"charges": (energy(2_500_001),), "customer_class": "large"}, "above 2500000 units of 1e-6"),
        (
            {"charges": (energy(2_500_001),), "commodity": "gas", "schedules": (flat("year"),)},
            "above 2500000 units of 1e-5",
        ),
        ({"charges": (HOURLY,), "customer_class": "large"}, "charge 'Hourly': a series needs amounts"),
        (
            {"charges": (tiered((1, 1), (None, 2), per="baseline"),)},
            "charge 'Tiers': its tiers need baseline allowances",
        ),
        ({"charges": (MinimumCharge(name="M", per="day", price=1, of=("Energy",)), ENERGY)}, "charge 'M': 'of' names"),
        ({"charges": (PercentCharge(name="P", hundredths=1, of=("P",)),)}, "charge 'P': 'of' names"),
        (
            {"charges": (ENERGY, PercentCharge(name="P", hundredths=1, of=("Energy",), program="CARE"))},
            "charge 'P': program 'CARE' is not among the tariff's",
        ),
        (
            {"charges": (FixedCharge(name="F", per="day", price=1, programs=(ProgramPrice(program="X", price=1),)),)},
            "charge 'F': program 'X'",
        ),
        ({"turns": TWO_SEASONS[::-1], "schedules": ()}, "turns: seasons begin in the order of the year"),
        ({"turns": (TWO_SEASONS[0], TWO_SEASONS[0]), "schedules": ()}, "turns"),
        ({"schedules": (flat("year"), flat("year"))}, "schedules: two share a name"),
        ({"schedules": (flat("summer"),)}, "schedule 'flat': one row for each season and kind of day"),
        ({"turns": TWO_SEASONS}, "schedule 'flat': one row for each season and kind of day"),
        ({"holidays": (HOLIDAY,)}, "schedule 'flat': one row for each season and kind of day"),
        ({"baseline": (Allowance(territory="P", per_day=(1, 2)),)}, "baseline: an allowance for each season"),
        ({"baseline": (Allowance(territory="P", per_day=(1,)),) * 2}, "baseline: two share a name"),
        ({"commodity": "gas"}, "schedule 'tou': gas has one price all day"),
        ({"commodity": "gas", "schedules": (flat("year"),), "charges": (ENERGY, DEMAND)}, "charge 'Demand': gas has"),
        ({"commodity": "gas", "schedules": (flat("year"),), "charges": (HOURLY,)}, "charge 'Hourly': gas has"),
        (
            {
                "commodity": "gas",
                "schedules": (flat("year"),),
                "charges": (energy(1, channel=EXPORT.channel),),
            },
            "charge 'Energy': gas has",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_tariffs_that_do_not_hold_together(fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        tariff(**{"charges": (ENERGY,), **fields})


def test_what_is_billed_from_sums_only_has_no_amounts() -> None:
    gas = tariff(energy(320_000), commodity="gas", schedules=(flat("year"),))
    for made in (gas, tariff(ENERGY, customer_class="large")):
        assert made.modes(Mode.AMOUNT) == {"Energy": "determinants"}


@pytest.mark.parametrize(
    ("ladder", "fault"),
    [
        ((tiers((None, 1), (None, 2))), "every tier but the last has a limit"),
        ((tiers((5, 1))), "every tier but the last has a limit"),
        ((tiers((0, 1), (None, 2))), "rise from above 0"),
        ((tiers((5, 1), (5, 1), (None, 2))), "rise from above 0"),
        ((tiers((9, 1), (5, 1), (None, 2))), "rise from above 0"),
        ((Tier(limit=5, prices=(1, None)), Tier(limit=None, prices=(1, 1))), "tiers disagree"),
    ],
)
def test_tiers_that_disagree(ladder: tuple[Tier, ...], fault: str) -> None:
    for kind in (DemandCharge, lambda **fields: tiered(**fields)):
        with pytest.raises(ValidationError, match=fault):
            kind(name="Tiers", schedule="flat", tiers=ladder)


@pytest.mark.parametrize(
    ("runs", "fault"),
    [
        (((4, 0),), "begin at midnight"),
        (((0, 0), (8, 1), (4, 0)), "begin at midnight and rise"),
        (((0, 0), (0, 1)), "begin at midnight and rise"),
        (((0, 0), (4, 0)), "are one run"),
        (((0, 0), (96, 1)), "less than 96"),
        ((), "at least 1 item"),
    ],
)
def test_rows_that_are_no_day(runs: tuple[tuple[int, int], ...], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Row(season="year", days="weekday", runs=runs)


@pytest.mark.parametrize("periods", [("a",), ("a", "b", "c"), ("a", "a")])
def test_schedules_whose_periods_are_not_those_of_their_rows(periods: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="schedule 'tou'"):
        Schedule(name="tou", periods=periods, rows=peak("year").rows)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"day": 1, "weekday": "monday", "week": 1},
        {"weekday": "monday"},
        {"week": 1},
        {"day": 1, "week": 1},
        {"day": 31},
        {"weekday": "monday", "week": 5},
    ],
)
def test_holidays_without_a_rule(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Holiday(name="day", month=4, **fields)


@pytest.mark.parametrize(("month", "day"), [(2, 29), (2, 30), (4, 31), (13, 1)])
def test_seasons_begin_on_days_of_every_year(month: int, day: int) -> None:
    with pytest.raises(ValidationError):
        Turn(month=month, day=day, season="year")


def test_a_series_begins_with_a_step() -> None:
    with pytest.raises(ValidationError, match="begins inside a step of 60 minutes"):
        SeriesCharge(name="Hourly", start=30, step_minutes=60, prices=(1,))
