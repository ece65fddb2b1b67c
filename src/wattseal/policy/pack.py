"""Policy packs: the numbers of the rules, as data, by purpose and customer class. The rules themselves are elsewhere.

`docs/policy.md` tells what each field means; `packs/` holds those that come with the package.
"""

import tomllib
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, ValidationError, model_validator

from wattseal.policy import packs
from wattseal.protocol.codec import Digest, Many, Message, first_fault
from wattseal.protocol.errors import PurposeNotPermitted, UsageError
from wattseal.protocol.ids import Purpose
from wattseal.protocol.roster import MAX_METERS, CustomerClass, Interval

TRIAL = "trial"
NO_SHARE_TEST = 100
"""Nobody's energy is above 100 % of a total."""

Group = Annotated[int, Field(ge=2, le=MAX_METERS)]
Percent = Annotated[int, Field(ge=1, le=100)]
Asker = Literal["collector", "billing", "auditor"]
Functional = Literal["totals", "bill-amounts", "bill-determinants"]
Recipient = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Millionths = Annotated[int, Field(ge=1, le=1_000_000_000)]


class LeastGroup(Message):
    """Fewest members of a sum, by the length of an interval. A shorter interval shows more of each home."""

    minutes_15: Group
    minutes_30: Group
    minutes_60: Group
    minutes_1440: Group

    @model_validator(mode="after")
    def _never_smaller_for_shorter_intervals(self) -> Self:
        sizes = [self.minutes_15, self.minutes_30, self.minutes_60, self.minutes_1440]
        if sizes != sorted(sizes, reverse=True):
            raise ValueError("a shorter interval needs at least as many members as a longer one")
        return self

    def at(self, interval: Interval) -> int:
        size: int = getattr(self, f"minutes_{interval}")
        return size


class ClassRule(Message):
    """What holds for every sum that a customer of the class is in. A share of 100 % is no share test."""

    least_group: LeastGroup
    largest_share_percent: Percent


class Zcdp(Message):
    """Zero-concentrated differential privacy: what one release spends of each (atom, day), in millionths of rho.

    `clip` bounds one member's read of a quarter hour, in the region's unit; longer intervals hold as many times more. A
    region whose meters may report more has no noisy totals.
    """

    mechanism: Literal["zcdp"]
    rho_millionths: Millionths
    clip: Annotated[int, Field(ge=1, lt=1 << 32)]
    budget_rho_millionths: Millionths

    def clip_at(self, interval: Interval) -> int:
        return self.clip * interval // 15

    @model_validator(mode="after")
    def _affordable(self) -> Self:
        if self.rho_millionths > self.budget_rho_millionths:
            raise ValueError("the budget of an atom-day does not pay for one release")
        return self


def _word_or_table(value: object) -> str:
    return "word" if isinstance(value, str) else "table"


Noise = Annotated[
    Annotated[Literal["none"], Tag("word")] | Annotated[Zcdp, Tag("table")], Discriminator(_word_or_table)
]


class PurposeRule(Message):
    """What one purpose may ask, who may ask it, and on what ground.

    A primary purpose is the service itself. A secondary one needs a `basis`: the consent of every customer in it, a
    rule for public aggregates, or noise. No `recipients`: whoever holds a token of a scope in `asked_by`.
    """

    use: Literal["primary", "secondary"]
    basis: Literal["service", "consent", "aggregate", "noise"]
    functionals: Annotated[Many[Functional], Field(min_length=1)]
    asked_by: Annotated[Many[Asker], Field(min_length=1)]
    recipients: Many[Recipient] = ()
    coverage_percent: Annotated[int, Field(ge=50, le=100)]
    noise: Noise
    questions_per_token_day: Annotated[int, Field(ge=1, le=10_000_000)]
    retention_days: Annotated[int, Field(ge=1, le=36_525)]
    classes: Annotated[dict[CustomerClass, ClassRule], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_a_ground(self) -> Self:
        if (self.use == "primary") != (self.basis == "service"):
            raise ValueError("the basis of a primary purpose is service; a secondary one has another")
        if self.basis == "noise" and self.noise == "none":
            raise ValueError("a purpose on the basis of noise says how much")
        if self.basis in ("aggregate", "noise") and self.functionals != ("totals",):
            raise ValueError("without consent a secondary purpose has totals alone")
        for what in ("functionals", "asked_by", "recipients"):
            if len(set(getattr(self, what))) != len(getattr(self, what)):
                raise ValueError(f"{what}: each once")
        return self

    @property
    def opens_totals(self) -> bool:
        return "totals" in self.functionals


class Policy(Message):
    """One pack. `least_change` is how many service points come, leave or change cohort together at the least."""

    version: Literal[2]
    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
    revision: Annotated[int, Field(ge=1, lt=1 << 31)]
    least_change: Group
    purposes: Annotated[dict[Purpose, PurposeRule], Field(min_length=1, max_length=64)]

    @model_validator(mode="after")
    def _changes_are_groups(self) -> Self:
        if self.least_change < self.floor:
            raise ValueError("least_change: below the smallest group of the pack")
        return self

    @cached_property
    def fingerprint(self) -> Digest:
        """The digest that releases carry, computed once."""
        return self.digest()

    @property
    def floor(self) -> int:
        """The smallest group that any purpose opens a total of: what holds between bills and totals of any purpose."""
        totals = [rule for rule in self.purposes.values() if rule.opens_totals] or list(self.purposes.values())
        return min(rule.least_group.at(1440) for purpose in totals for rule in purpose.classes.values())

    def check_purpose(self, purpose: str) -> PurposeRule:
        """What holds under it. Raises PurposeNotPermitted."""
        if purpose not in self.purposes:
            raise PurposeNotPermitted(f"policy {self.name} permits the purposes {', '.join(sorted(self.purposes))}")
        return self.purposes[purpose]


def load_policy(path: Path) -> Policy:
    """Raises UsageError naming the file and the field that is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"policy {path}: {error}") from None
    return _parse(text, str(path))


def packaged_policies() -> list[str]:
    """Names of the packs that come with the package."""
    files = (file.name for file in resources.files(packs).iterdir())
    return sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml"))


def named_policy(source: str | Path | None) -> Policy:
    """A file ending in .toml, or a pack's name; the trial pack if nothing is named. Raises UsageError."""
    name = TRIAL if source is None else str(source)
    if name.endswith(".toml"):
        return load_policy(Path(name))
    known = packaged_policies()
    if name not in known:
        raise UsageError(f"policy {name[:40]!a}: neither a .toml file nor one of {', '.join(known)}")
    return _parse(resources.files(packs).joinpath(f"{name}.toml").read_text(encoding="utf-8"), name)


def trial_policy() -> Policy:
    """The pack for trial runs: groups of at least 15, nobody above 15 %."""
    return named_policy(TRIAL)


def _parse(text: str, origin: str) -> Policy:
    try:
        return Policy.model_validate(_tuples(tomllib.loads(text)))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"policy {origin}: {error}") from None
    except ValidationError as error:
        raise UsageError(f"policy {origin}: {first_fault(error)}") from None


def _tuples(value: Any) -> Any:  # noqa: ANN401 - any TOML value
    """TOML's arrays are lists, which a strict model takes for no tuple."""
    if isinstance(value, dict):
        return {key: _tuples(inner) for key, inner in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
