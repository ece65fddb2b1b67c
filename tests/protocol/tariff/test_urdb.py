"""OpenEI records: what they come to, and what is refused by the name of its field."""

import json
from pathlib import Path
from typing import Any

import pytest

from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Channel
from wattseal.protocol.tariff.charges import DemandCharge, EnergyCharge, FixedCharge, MinimumCharge, Tier, TieredCharge
from wattseal.protocol.tariff.model import Row, Schedule, Tariff, Turn
from wattseal.protocol.tariff.urdb import load_urdb

SAMPLES = Path(__file__).parents[4] / "shared/data/urdb"
ALWAYS = [[0] * 24 for _ in range(12)]
# Period 1 from 16 to 21 on weekdays of June to September.
SUMMER = [[int(5 <= month <= 8 and 16 <= hour < 21) for hour in range(24)] for month in range(12)]
RECORD: dict[str, Any] = {
    "label": "539f",
    "name": "A & B (Secondary)",
    "sector": "Residential",
    "energyratestructure": [[{"rate": 0.1, "adj": 0.00114, "unit": "kWh"}], [{"rate": 0.3, "unit": "kWh"}]],
    "energyweekdayschedule": SUMMER,
    "energyweekendschedule": ALWAYS,
}


def load(tmp_path: Path, *without: str, **changes: Any) -> Tariff:  # noqa: ANN401 - any JSON value
    path = tmp_path / "record.json"
    path.write_text(json.dumps({k: v for k, v in {**RECORD, **changes}.items() if k not in without}))
    return load_urdb(path)


def test_months_with_the_same_schedules_are_one_season(tmp_path: Path) -> None:
    rows = (
        Row(season="season 1", days="weekday", runs=((0, 0),)),
        Row(season="season 1", days="weekend", runs=((0, 0),)),
        Row(season="season 2", days="weekday", runs=((0, 0), (64, 1), (84, 0))),
        Row(season="season 2", days="weekend", runs=((0, 0),)),
    )
    turns = [(1, "season 1"), (6, "season 2"), (10, "season 1")]
    assert load(tmp_path) == Tariff(
        name="A B Secondary",
        revision="539f",
        customer_class="residential",
        turns=tuple(Turn(month=month, day=1, season=season) for month, season in turns),
        schedules=(Schedule(name="energy", periods=("period 0", "period 1"), rows=rows),),
        charges=(EnergyCharge(name="energy", schedule="energy", prices=(10_114, 30_000)),),
    )


def test_one_record_in_items(tmp_path: Path) -> None:
    path = tmp_path / "items.json"
    path.write_text(json.dumps({"items": [RECORD]}))
    assert load_urdb(path) == load(tmp_path)


def test_a_record_without_a_name_has_its_file_s(tmp_path: Path) -> None:
    found = load(tmp_path, "name", "label", "sector")
    assert (found.name, found.revision, found.customer_class) == ("record", "unnamed", "large")


def test_the_class_is_that_of_the_sector_or_the_one_given(tmp_path: Path) -> None:
    fine = {"energyratestructure": [[{"rate": 0.100001}]], "energyweekdayschedule": ALWAYS}
    with pytest.raises(UsageError, match=r"energyratestructure: 0.0.rate: 0.100001 is finer than 5 decimals"):
        load(tmp_path, **fine)
    large = load_urdb(tmp_path / "record.json", "large").charges[0]
    assert large == load(tmp_path, **fine, sector="Industrial").charges[0]
    assert isinstance(large, EnergyCharge)
    assert large.prices == (100_001,)


def test_tiers_by_ladder_and_demand(tmp_path: Path) -> None:
    """Winter in two tiers a day, summer in one: charges of their own. A limit of 1e38 is none."""
    year = [[int(5 <= month <= 8)] * 24 for month in range(12)]
    found = load(
        tmp_path,
        energyratestructure=[
            [{"rate": 0.1, "max": 10, "unit": "kWh daily"}, {"rate": 0.2, "unit": "kWh daily"}],
            [{"rate": 0.3, "max": 10**38}],
        ],
        energyweekdayschedule=year,
        energyweekendschedule=year,
        demandratestructure=[[{"rate": 5, "max": 2.5}, {"rate": 6}]],
        demandweekdayschedule=ALWAYS,
        demandweekendschedule=ALWAYS,
        flatdemandstructure=[[{"rate": 7}], [{"rate": 8, "adj": 1}]],
        flatdemandmonths=[0] * 11 + [1],
        fixedchargefirstmeter=0.5,
        fixedchargeunits="$/day",
        mincharge=10,
        minchargeunits="$/month",
    )
    assert found.charges == (
        TieredCharge(
            name="energy",
            schedule="energy",
            per="day",
            tiers=(Tier(limit=10_000, prices=(10_000, None)), Tier(limit=None, prices=(20_000, None))),
        ),
        EnergyCharge(name="energy 2", schedule="energy", prices=(None, 30_000)),
        DemandCharge(
            name="demand",
            schedule="demand",
            tiers=(Tier(limit=2_500, prices=(500_000,)), Tier(limit=None, prices=(600_000,))),
        ),
        DemandCharge(name="flat demand", schedule="flat demand", tiers=(Tier(limit=None, prices=(700_000, 900_000)),)),
        FixedCharge(name="fixedchargefirstmeter", per="day", price=50_000),
        MinimumCharge(
            name="mincharge",
            per="cycle",
            price=1_000_000,
            of=("energy", "energy 2", "demand", "flat demand", "fixedchargefirstmeter"),
        ),
    )


@pytest.mark.parametrize(("rules", "billed"), [("Net Billing Hourly", True), ("Net Metering", False), (None, False)])
def test_export_prices_count_where_export_is_billed(tmp_path: Path, rules: str | None, billed: bool) -> None:
    sells = [[{"rate": 0.1, "sell": 0.05}], [{"rate": 0.3, "sell": 0.07}]]
    found = load(tmp_path, energyratestructure=sells, **({"dgrules": rules} if rules else {}))
    export = EnergyCharge(name="export", channel=Channel.RECEIVED, schedule="energy", prices=(-5_000, -7_000))
    assert [charge for charge in found.charges if charge.name == "export"] == ([export] if billed else [])


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"demandreactivepowercharge": 0.52}, "demandreactivepowercharge: is not supported"),
        ({"demandratchetpercentage": [0] * 11 + [0.8]}, "demandratchetpercentage: is not supported"),
        ({"lookbackpercent": 0.6}, "lookbackpercent: is not supported"),
        ({"coincidentratestructure": [[{"rate": 5}]]}, "coincidentratestructure: is not supported"),
        ({"fueladjustmentsmonthly": [0.01] * 12}, "fueladjustmentsmonthly: is not supported"),
        ({"annualmincharge": 100}, "annualmincharge: is not supported"),
        ({"newcharge2027": 1}, "newcharge2027: is not supported"),
        ({"dgrules": "Buy All Sell All"}, "dgrules: 'Buy All Sell All' is not supported"),
        ({"fixedchargeunits": "$/year"}, "fixedchargeunits: '\\$/year' is not \\$/day or \\$/month"),
        ({"minchargeunits": "$/meter"}, "minchargeunits: '\\$/meter' is not"),
        ({"demandrateunit": "kVA"}, "record: demandrateunit"),
        ({"flatdemandunit": "hp"}, "record: flatdemandunit"),
        (
            {"energyratestructure": [[{"rate": 1, "unit": "kWh/kW"}], [{"rate": 1}]]},
            "energyratestructure.0: unit",
        ),
        ({"energyratestructure": [[{"rate": 1, "price": 2}], [{"rate": 1}]]}, "energyratestructure.0.0.price"),
        ({"energyratestructure": [[{"rate": "0.1"}], [{"rate": 1}]]}, "energyratestructure.0.0.rate"),
        ({"energyratestructure": [[], [{"rate": 1}]]}, "energyratestructure.0"),
        ({"energyratestructure": []}, "energyratestructure"),
        (
            {"energyratestructure": [[{"rate": 1}]]},
            "energyratestructure.1: is missing",
        ),
        (
            {"energyratestructure": [[{"rate": 1, "max": 5}, {"rate": 2}], [{"rate": 1}]]},
            r"energyratestructure: tiers of the periods \[0, 1\] of month 6 disagree",
        ),
        (
            {"energyratestructure": [[{"rate": 1, "max": 5}, {"rate": 2, "max": 9}]] * 2},
            "every tier but the last has a limit, and the last has none",
        ),
        ({"energyratestructure": [[{"rate": 3}], [{"rate": 1}]]}, "charge 'energy': a price of energy is above 250000"),
        (
            {
                "energyratestructure": [[{"rate": 1, "max": 5, "sell": 1}, {"rate": 2, "sell": 2}]] * 2,
                "dgrules": "Net Billing Hourly",
            },
            "energyratestructure.0: sell: one price for all tiers of a period",
        ),
        ({"energyweekdayschedule": ALWAYS[:11]}, "energyweekdayschedule"),
        ({"energyweekdayschedule": [[0] * 23] * 12}, "energyweekdayschedule.0"),
        ({"energyweekdayschedule": [[-1] * 24] * 12}, "energyweekdayschedule.0.0"),
        ({"demandratestructure": [[{"rate": 1}]]}, "demandratestructure: needs demandweekdayschedule and"),
        ({"flatdemandstructure": [[{"rate": 1}]]}, "flatdemandstructure: needs flatdemandmonths"),
        ({"flatdemandstructure": [[{"rate": 1, "unit": "kVA"}]], "flatdemandmonths": [0] * 12}, "unit: kva is not"),
    ],
    ids=str,
)
def test_what_is_refused_is_named(tmp_path: Path, changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(UsageError, match=fault) as error:
        load(tmp_path, **changes)
    assert error.value.detail.startswith(f"tariff {tmp_path / 'record.json'}: ")


@pytest.mark.parametrize(
    "nothing",
    [
        {"demandratchetpercentage": [0] * 12},
        {"annualmincharge": 0},
        {"demandreactivepowercharge": None},
        {"_note": "x"},
    ],
    ids=str,
)
def test_fields_that_add_nothing_are_passed_over(tmp_path: Path, nothing: dict[str, Any]) -> None:
    assert load(tmp_path, **nothing) == load(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "[]", "1", "{", '{"items": []}', '{"items": 3}', "[" * 100_000], ids=lambda t: t[:20]
)
def test_files_that_are_no_record(tmp_path: Path, text: str) -> None:
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"record\.json: not (JSON|one record)"):
        load_urdb(path)


@pytest.mark.parametrize("name", ["PGE_BEV-2-S_2025-09-08", "SCE_TOU-8__Option-D_Under-2-kV"])
def test_a_real_record_loads_once_its_reactive_power_is_left_out_by_name(name: str) -> None:
    path = SAMPLES / f"{name}.json"
    with pytest.raises(UsageError, match="demandreactivepowercharge: is not supported"):
        load_urdb(path)
    found = load_urdb(path, leaving_out=["demandreactivepowercharge"])
    assert found.customer_class == "large"
    assert Tariff.from_bytes(found.to_bytes()) == found
