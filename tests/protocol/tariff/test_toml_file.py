"""Our TOML: what each field comes to, and that nothing wrong is filled in or rounded."""

import re
from pathlib import Path

import pytest

from tests.protocol.tariff.samples import flat
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Channel
from wattseal.protocol.tariff.charges import (
    AnnualCharge,
    DemandCharge,
    EnergyCharge,
    FixedCharge,
    MinimumCharge,
    PercentCharge,
    ProgramPrice,
    SeriesCharge,
    Tier,
    TieredCharge,
)
from wattseal.protocol.tariff.model import Allowance, Holiday, Row, Schedule, Tariff, Turn
from wattseal.protocol.tariff.toml_file import load_toml, packaged

EVERYTHING = """
version = 1
name = "T-1"
revision = "2026-03-01"
commodity = "electricity"
customer_class = "commercial"
programs = ["CARE"]
holidays = [{ name = "New Year", month = 1, day = 1, nearest_weekday = true }]

[[season]]
name = "summer"
from = "06-01"
to = "09-30"

[[season]]
name = "winter"
from = "10-01"
to = "05-31"

[[schedule]]
name = "TOU"
days = ["weekday"]
hours = { off = ["00:00-16:15", "21:00-24:00"], peak = ["16:15-21:00"] }

[[schedule]]
name = "TOU"
days = ["weekend", "holiday"]
hours = { off = ["00:00-24:00"] }

[baseline]
P = { summer = 13.5, winter = 11 }

[[charge]]
kind = "energy"
name = "Energy"
schedule = "TOU"
prices = { off = 0.3, peak = 0.52240 }

[[charge]]
kind = "energy"
name = "Export"
channel = "received"
price = -0.05

[[charge]]
kind = "tiered"
name = "Baseline credit"
per = "baseline"
tiers = [{ upto = 100, price = -0.0814 }, { price = 0 }]

[[charge]]
kind = "tiered"
name = "Tiers"
schedule = "TOU"
per = "cycle"
tiers = [{ upto = 0.5, prices = { off = 1, peak = 2 } }, { prices = { off = 0, peak = 0 } }]

[[charge]]
kind = "demand"
name = "Demand"
tiers = [{ upto = 100, price = 24.368 }, { price = 17.031 }]

[[charge]]
kind = "series"
name = "Dynamic"
csv = "prices.csv"

[[charge]]
kind = "percent"
name = "Discount"
percent = -17.25
of = ["Energy"]
program = "CARE"

[[charge]]
kind = "fixed"
name = "Base"
per = "day"
price = 0.79343
programs = { CARE = 0.19713 }

[[charge]]
kind = "minimum"
name = "Minimum"
per = "cycle"
price = 10
of = ["Energy", "Base"]

[[charge]]
kind = "annual"
name = "Climate credit"
month = 4
price = -58.23
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "prices.csv").write_text("interval_start,price\n1970-01-02T00:00Z,0.25\n")
    return tmp_path / "tariff.toml"


def load(path: Path, text: str) -> Tariff:
    path.write_text(text)
    return load_toml(path)


def test_every_field(path: Path) -> None:
    runs = {"weekday": ((0, 0), (65, 1), (84, 0)), "weekend": ((0, 0),), "holiday": ((0, 0),)}
    rows = [Row.model_validate({"season": s, "days": d, "runs": runs[d]}) for s in ("summer", "winter") for d in runs]
    everywhere = tuple(row.model_copy(update={"runs": ((0, 0),)}) for row in rows)
    assert load(path, EVERYTHING) == Tariff(
        name="T-1",
        revision="2026-03-01",
        customer_class="commercial",
        programs=("CARE",),
        turns=(Turn(month=6, day=1, season="summer"), Turn(month=10, day=1, season="winter")),
        holidays=(Holiday(name="New Year", month=1, day=1, nearest_weekday=True),),
        schedules=(
            Schedule(name="TOU", periods=("off", "peak"), rows=tuple(rows)),
            Schedule(name="all hours", periods=("all",), rows=everywhere),
        ),
        baseline=(Allowance(territory="P", per_day=(13_500, 11_000)),),
        charges=(
            EnergyCharge(name="Energy", schedule="TOU", prices=(30_000, 52_240)),
            EnergyCharge(name="Export", channel=Channel.RECEIVED, schedule="all hours", prices=(-5_000,)),
            TieredCharge(
                name="Baseline credit",
                schedule="all hours",
                per="baseline",
                tiers=(Tier(limit=100, prices=(-8_140,)), Tier(limit=None, prices=(0,))),
            ),
            TieredCharge(
                name="Tiers",
                schedule="TOU",
                per="cycle",
                tiers=(Tier(limit=500, prices=(100_000, 200_000)), Tier(limit=None, prices=(0, 0))),
            ),
            DemandCharge(
                name="Demand",
                schedule="all hours",
                tiers=(Tier(limit=100_000, prices=(2_436_800,)), Tier(limit=None, prices=(1_703_100,))),
            ),
            SeriesCharge(name="Dynamic", start=1440, step_minutes=60, prices=(25_000,)),
            PercentCharge(name="Discount", hundredths=-1725, of=("Energy",), program="CARE"),
            FixedCharge(name="Base", per="day", price=79_343, programs=(ProgramPrice(program="CARE", price=19_713),)),
            MinimumCharge(name="Minimum", per="cycle", price=1_000_000, of=("Energy", "Base")),
            AnnualCharge(name="Climate credit", month=4, price=-5_823_000),
        ),
    )


def test_without_seasons_the_year_is_one(path: Path) -> None:
    made = load(path, minimal('[[charge]]\nkind = "energy"\nname = "Energy"\nprice = 0.3\n'))
    assert made.turns == (Turn(month=1, day=1, season="year"),)
    (schedule,) = made.schedules
    assert schedule == flat("year", name="all hours").model_copy(update={"periods": ("all",)})


def minimal(charges: str) -> str:
    return EVERYTHING[: EVERYTHING.index("programs")] + charges


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('from = "06-01"', 'from = "06-02"', "season: 06-01 is in none"),
        ('to = "09-30"', 'to = "10-01"', "season 'winter': 10-01 is also in season 'summer'"),
        ('to = "05-31"', 'to = "02-29"', "season 'winter': 02-29 is not a day of every year"),
        ('from = "06-01"', 'from = "6-1"', "season.0.from"),
        ("00:00-16:15", "00:00-16:00", "schedule 'TOU': summer, weekday: 16:00 is in no period"),
        ("00:00-16:15", "00:00-16:30", "schedule 'TOU': summer, weekday: 16:15 is in 'off' and in 'peak'"),
        ("16:15-21:00", "16:10-21:00", "schedule.0.hours"),
        ("16:15-21:00", "21:00-16:15", "schedule 'TOU': hours: 21:00-16:15 ends before it begins"),
        ('days = ["weekend", "holiday"]', 'days = ["weekend"]', "summer, holiday: 00:00 is in no period"),
        ('days = ["weekend", "holiday"]', 'days = ["sunday"]', "schedule.1.days.0"),
        ('days = ["weekday"]', 'seasons = ["spring"]', "the tariff has no weekdays of season 'spring'"),
        ('holidays = [{ name = "New Year", month = 1, day = 1, nearest_weekday = true }]', "", "no holidays of season"),
        ("holidays = [", 'holidays = "mars" # ', "holidays: a list is us-federal or pge, not 'mars'"),
        ("month = 1, day = 1", "month = 1", "holidays"),
        ("summer = 13.5, ", "", "baseline P: nothing is given for season 'summer'"),
        ("summer = 13.5, ", "summer = 13.5, fall = 1, ", "baseline P: there is no season 'fall'"),
        ("13.5", "13.5001", "baseline P: summer: 13.5001 is finer than 3 decimals"),
        ("13.5", "-13.5", "baseline P: per_day.0"),
        ("off = 0.3, ", "", "charge 'Energy': prices: nothing is given for period 'off'"),
        ("off = 0.3, ", "off = 0.3, semi = 1, ", "charge 'Energy': prices: there is no period 'semi'"),
        ("off = 0.3, ", "off = 0.300001, ", "charge 'Energy': prices: price: 0.300001 is finer than 5 decimals"),
        ("off = 0.3, ", "off = 1e99, ", r"charge 'Energy': prices: price: 1E\+99 is too large"),
        ("off = 0.3, ", "off = nan, ", "charge.0.energy.prices.off"),
        ("off = 0.3, ", "off = 2.50001, ", "charge 'Energy': a price of energy is above 250000"),
        ("off = 0.3, ", 'off = "0.3", ', "charge.0.energy.prices.off"),
        ("off = 0.3, ", "off = true, ", "charge.0.energy.prices.off"),
        ('schedule = "TOU"\nprices = {', 'schedule = "XYZ"\nprices = {', "charge 'Energy': schedule: there is none"),
        ('schedule = "TOU"\nprices = {', "prices = {", "charge 'Energy': price: without a schedule there is one price"),
        ("prices = { off = 0.3, peak = 0.52240 }", "price = 1", "charge 'Energy': prices: schedule 'TOU' takes one"),
        ("prices = { off = 0.3, peak = 0.52240 }", "", "charge 'Energy': prices: schedule 'TOU' takes one"),
        ('channel = "received"', 'channel = "net"', "charge.1.energy.channel"),
        ("upto = 100, price = -0.0814", "price = -0.0814", "charge 'Baseline credit': Value error, every tier but"),
        ("upto = 100, price = -0.0814", "upto = 0.5, price = 1", "tier 1: upto: 0.5 is finer than 0 decimals"),
        ('per = "baseline"', 'per = "month"', "charge.2.tiered.per"),
        ("[baseline]\nP = { summer = 13.5, winter = 11 }", "", "charge 'Baseline credit': its tiers need baseline"),
        ("price = 17.031", "upto = 200, price = 17.031", "charge 'Demand': Value error, every tier but the last"),
        ('csv = "prices.csv"', 'csv = "other.csv"', r"charge 'Dynamic': .*other\.csv.*No such file"),
        ('csv = "prices.csv"', 'csv = "prices.csv"\nstep_minutes = 45', "charge.5.series.step_minutes"),
        ("percent = -17.25", "percent = -17.255", "charge 'Discount': percent: -17.255 is finer than 2 decimals"),
        ("percent = -17.25", "percent = -101", "charge 'Discount': hundredths"),
        ('program = "CARE"', 'program = "FERA"', "charge 'Discount': program 'FERA' is not among"),
        ('of = ["Energy"]', 'of = ["Base"]', "charge 'Discount': 'of' names charges that come before it"),
        ('kind = "annual"', 'kind = "weekly"', "charge.9: "),
        ("month = 4", "month = 13", "charge.9.annual.month"),
        ("version = 1", "version = 2", "version"),
        ('name = "T-1"', 'name = "T-1"\nreactive_power = 0.5', "reactive_power"),
        ('commodity = "electricity"', 'commodity = "water"', "commodity"),
        ('commodity = "electricity"', 'commodity = "gas"', "schedule 'TOU': gas has one price all day"),
        ('customer_class = "commercial"', 'customer_class = "large"', "charge 'Dynamic': a series needs amounts"),
        ('name = "Base"', 'name = "Energy"', "charges: two share a name"),
        ("version = 1", "version =", "line 2"),
    ],
)
def test_what_is_wrong_is_named(path: Path, old: str, new: str, fault: str) -> None:
    assert old in EVERYTHING
    with pytest.raises(UsageError, match=fault) as error:
        load(path, EVERYTHING.replace(old, new, 1))
    assert error.value.detail.startswith(f"tariff {path}: ")
    assert "\n" not in error.value.detail


def test_the_example_of_the_documentation(path: Path) -> None:
    text = (Path(__file__).parents[3] / "docs/tariffs.md").read_text()
    example = load(path, text.split("```toml\n")[1].split("```")[0])
    assert [charge.name for charge in example.charges][:3] == ["Energy", "Baseline credit", "Export credit"]


def test_a_file_that_is_not_there_or_no_text(path: Path) -> None:
    with pytest.raises(UsageError, match=r"tariff\.toml: .*No such file"):
        load_toml(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"tariff\.toml"):
        load_toml(path)


PUBLISHED = {
    "E-1": {"all": 40_702},
    "E-TOU-C": {"summer peak": 52_240, "summer off-peak": 39_940, "winter peak": 39_757, "winter off-peak": 36_757},
    "E-TOU-D": {"summer peak": 47_708, "summer off-peak": 34_212, "winter peak": 38_747, "winter off-peak": 34_886},
    "E-ELEC": {
        "summer peak": 55_214,
        "summer part-peak": 39_026,
        "summer off-peak": 33_358,
        "winter peak": 32_063,
        "winter part-peak": 29_854,
        "winter off-peak": 28_468,
    },
    "EV2-A": {
        "summer peak": 53_809,
        "summer part-peak": 42_760,
        "summer off-peak": 22_558,
        "winter peak": 41_099,
        "winter part-peak": 39_428,
        "winter off-peak": 22_558,
    },
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_package_s_sheets_have_the_published_prices(name: str) -> None:
    sheet = packaged(name)
    assert (sheet.name, sheet.revision, sheet.customer_class) == (name, "2026-03-01", "residential")
    energy = sheet.charges[0]
    assert isinstance(energy, EnergyCharge)
    assert dict(zip(sheet.by_name[energy.schedule].periods, energy.prices, strict=True)) == PUBLISHED[name]
    assert bool(sheet.baseline) == (name in ("E-1", "E-TOU-C"))
    assert bool(sheet.holidays) == (name == "E-TOU-D")


@pytest.mark.parametrize("name", ["E-TOU-C", "E-1"])
def test_baseline_of_ten_territories(name: str) -> None:
    published = """P 13.5/11.0, Q 9.8/11.0, R 17.7/10.4, S 15.0/10.2, T 6.5/7.5, V 7.1/8.1, W 19.2/9.8, X 9.8/9.7,
        Y 10.5/11.1, Z 5.9/7.8"""
    found = re.findall(r"(\w) (\d+)\.(\d)/(\d+)\.(\d)", published)
    assert packaged(name).baseline == tuple(
        Allowance(territory=territory, per_day=(int(a + b) * 100, int(c + d) * 100)) for territory, a, b, c, d in found
    )


@pytest.mark.parametrize("name", ["", "E-2", "holidays", "../toml_file", "__init__", "__init__.py"])
def test_sheets_that_the_package_does_not_have(name: str) -> None:
    with pytest.raises(UsageError, match="is not one of the package's"):
        packaged(name)
