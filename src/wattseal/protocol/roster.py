"""Who belongs to what: the roster of a region, signed by the utility and countersigned by both other operators."""

import hashlib
import itertools
from collections.abc import Hashable, Iterable, Mapping
from enum import StrEnum
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal, Self

from nacl.signing import SigningKey
from pydantic import AfterValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from wattseal.protocol.codec import STRICT, Bytes, Bytes32, Digest, Many, Message
from wattseal.protocol.countersigned import Countersigned
from wattseal.protocol.errors import MalformedMessage, UnknownSubject
from wattseal.protocol.ids import (
    Channel,
    CohortField,
    CohortId,
    MeterField,
    MeterId,
    RegionField,
    WindowField,
)
from wattseal.protocol.trust import TrustAnchors

MAX_METERS = 16_384
Interval = Literal[15, 30, 60, 1440]
Commodity = Literal["electricity", "gas"]
CustomerClass = Literal["residential", "commercial", "large"]
# Plain ASCII: look-alikes would defeat "each service point once", and control signs reach people's tables.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._:/-]{0,63}$")]


_P = 2**255 - 19
_LOW_ORDER = frozenset(
    u.to_bytes(32, "little")
    for u in (
        *(0, 1, _P - 1, _P, _P + 1),
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
    )
)
"""All encodings of the X25519 keys whose order divides 8, without the highest bit, which is ignored (RFC 7748)."""


def _usable_sealing_key(key: bytes) -> bytes:
    """Raises ValueError for the few keys of low order: nothing can be sealed to them, so no region be enrolled."""
    if key[:31] + bytes([key[31] & 0x7F]) in _LOW_ORDER:
        raise ValueError("not an X25519 key that anything can be sealed to")
    return key


@lru_cache(maxsize=1 << 12)
def _kept_once(value: Hashable) -> Hashable:
    """What many rows have alike is one object in memory."""
    return value


_Shared = AfterValidator(_kept_once)


class Unit(StrEnum):
    """What one count of a read stands for: energy of electricity, litres of gas."""

    WH = "Wh"
    WH_10 = "10Wh"
    WH_100 = "100Wh"
    LITRE = "L"

    @property
    def factor(self) -> int:
        """Wh or litres in one count."""
        return _FACTORS[self]


_FACTORS = {Unit.WH: 1, Unit.WH_10: 10, Unit.WH_100: 100, Unit.LITRE: 1}
INTERVALS_OF: Mapping[Commodity, tuple[Interval, ...]] = MappingProxyType(
    {"electricity": (15, 30, 60), "gas": (60, 1440)}
)
"""Minutes of an interval that a region of a commodity may have."""


# Not a Message: those take four times the memory, and a service has a row for each meter.
@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class RosterRow:
    """One meter at one service point. `sealing_key` (X25519) names the installation: keys are derived from it.

    `installed` is the first window that this meter, under these keys, reports there; `tenure_since` the first of the
    account's tenure there. `tariff` names the one that the account is billed under, in whatever revision; None: under
    none here. `billing_route` names those who are billed together; None: on none.
    """

    meter: MeterField
    identity_key: Bytes32
    sealing_key: Annotated[Bytes32, AfterValidator(_usable_sealing_key)]
    service_point: Name
    account: Name
    cohort: CohortField
    channels: Annotated[Many[Channel], Field(min_length=1, max_length=2), _Shared]
    customer_class: CustomerClass = "residential"
    tariff: Annotated[Name | None, _Shared] = None
    billing_route: Annotated[Name | None, _Shared] = None
    installed: Annotated[WindowField, _Shared]
    tenure_since: Annotated[WindowField, _Shared]

    @property
    def installation(self) -> tuple[MeterId, bytes, bytes]:
        """What an exchange changes."""
        return self.meter, self.identity_key, self.sealing_key


class Roster(Message):
    """Rows of one region, in force from window `effective` on until a later roster of the region is."""

    version: Literal[1] = 1
    region: RegionField
    effective: WindowField
    commodity: Commodity = "electricity"
    interval_minutes: Interval
    unit: Unit = Unit.WH
    suite: Annotated[int, Field(ge=0, le=255)]
    layout_id: Annotated[Bytes, Field(min_length=8, max_length=8)]
    rows: Annotated[Many[RosterRow], Field(min_length=1, max_length=MAX_METERS)]

    @model_validator(mode="after")
    def _rows_are_one_set(self) -> Self:
        meters = [row.meter for row in self.rows]
        if any(a >= b for a, b in itertools.pairwise(meters)):
            raise ValueError("rows are sorted by meter, each meter once")
        for what in ("identity_key", "sealing_key", "service_point"):
            if len({getattr(row, what) for row in self.rows}) != len(self.rows):
                raise ValueError(f"two rows share a {what}")
        if any(list(row.channels) != sorted(set(row.channels)) for row in self.rows):
            raise ValueError("channels are sorted, each once")
        # Cycles of neighbors that differ by a day would leave that day to be told.
        if len({(row.cohort, row.billing_route) for row in self.rows}) > len({row.cohort for row in self.rows}):
            raise ValueError("rows of one cohort have different billing routes")
        if any(max(row.installed, row.tenure_since) > self.effective for row in self.rows):
            raise ValueError("a meter or a tenure begins after the roster takes effect")
        return self

    @model_validator(mode="after")
    def _units_fit(self) -> Self:
        intervals = INTERVALS_OF[self.commodity]
        if self.interval_minutes not in intervals:
            raise ValueError(f"{self.commodity} is read every {' or '.join(map(str, intervals))} minutes")
        if (self.commodity == "gas") != (self.unit is Unit.LITRE):
            raise ValueError("gas is counted in L, electricity in Wh, 10Wh or 100Wh")
        large = [row.customer_class == "large" for row in self.rows]
        if self.unit.factor > 1 and not all(large):
            raise ValueError("units of 10Wh and 100Wh are for regions of class large alone")
        if self.commodity == "gas" and any(large):
            raise ValueError("class large is for electricity")
        if self.commodity == "gas" and any(row.channels != (Channel.DELIVERED,) for row in self.rows):
            raise ValueError("gas has the channel delivered alone")
        return self

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Raises MalformedMessage for anything but the exact bytes that `to_bytes` would give."""
        return super().from_bytes(data)._with_fingerprint(hashlib.sha256(data).digest())

    @classmethod
    def reopened(cls, data: bytes, fingerprint: Digest) -> Self:
        """What was read by `from_bytes` before, and has this digest: its form is not looked at again.

        Raises MalformedMessage for anything else.
        """
        if hashlib.sha256(data).digest() != fingerprint:
            raise MalformedMessage(f"not the roster that has the digest {fingerprint.hex()}")
        return cls.parse(data)._with_fingerprint(fingerprint)

    def _with_fingerprint(self, known: Digest) -> Self:
        self.__dict__["fingerprint"] = known
        return self

    @cached_property
    def fingerprint(self) -> Digest:
        """The digest, computed once: rosters are long and named in every statement."""
        return self.digest()

    @cached_property
    def by_meter(self) -> dict[MeterId, RosterRow]:
        return {row.meter: row for row in self.rows}

    @cached_property
    def classes(self) -> frozenset[CustomerClass]:
        return frozenset(row.customer_class for row in self.rows)

    @cached_property
    def by_service_point(self) -> dict[str, RosterRow]:
        return {row.service_point: row for row in self.rows}

    @cached_property
    def cohorts(self) -> frozenset[CohortId]:
        """Every node of the tree, inner ones included."""
        leaves = {row.cohort for row in self.rows}
        paths = (leaf.split("/") for leaf in leaves)
        return frozenset(CohortId("/".join(path[: depth + 1])) for path in paths for depth in range(len(path)))

    @cached_property
    def _active(self) -> dict[tuple[CohortId, Channel], tuple[MeterId, ...]]:
        active: dict[tuple[CohortId, Channel], list[MeterId]] = {}
        for row in self.rows:
            path = row.cohort.split("/")
            for depth in range(len(path)):
                for channel in row.channels:
                    active.setdefault((CohortId("/".join(path[: depth + 1])), channel), []).append(row.meter)
        return {key: tuple(meters) for key, meters in active.items()}

    def active(self, cohort: CohortId, channel: Channel) -> tuple[MeterId, ...]:
        """Meters of the cohort that their countersigned rows make active, sorted. Raises UnknownSubject."""
        if cohort not in self.cohorts:
            raise UnknownSubject(f"region {self.region} has no cohort {cohort}")
        return self._active.get((cohort, channel), ())

    def by_class(self, meters: Iterable[MeterId]) -> dict[CustomerClass, frozenset[MeterId]]:
        """The meters by the class of their customers; a class that none of them has is left out."""
        if len(self.classes) == 1:
            everybody = frozenset(meters)
            return {next(iter(self.classes)): everybody} if everybody else {}
        found: dict[CustomerClass, set[MeterId]] = {}
        for meter in meters:
            found.setdefault(self.by_meter[meter].customer_class, set()).add(meter)
        return {name: frozenset(of_class) for name, of_class in found.items()}


class SignedRoster(Countersigned):
    """A roster's canonical bytes with the utility's signature and the two countersignatures."""

    kind: ClassVar[str] = "roster"

    @classmethod
    def issue(cls, roster: Roster, utility: SigningKey) -> Self:
        return cls.of(roster, utility)

    def opened(self, trust: TrustAnchors) -> Roster:
        """The roster, once all three signatures hold. Raises SignatureInvalid or MalformedMessage."""
        self.check(trust)
        return Roster.from_bytes(self.body)

    def proposed(self, trust: TrustAnchors) -> Roster:
        """The roster as the utility signed it, for an operator who is to countersign. Raises as `opened`."""
        self.check_proposed(trust)
        return Roster.from_bytes(self.body)
