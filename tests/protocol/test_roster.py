from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_scalarmult
from nacl.signing import SigningKey
from pydantic import ValidationError

from tests.protocol.samples import TRUST, WINDOW, roster, roster_row, signed_roster, signing_key
from wattseal.protocol.errors import MalformedMessage, SignatureInvalid, UnknownSubject
from wattseal.protocol.ids import Channel, CohortId
from wattseal.protocol.roster import MAX_METERS, Roster, RosterRow, SignedRoster, Unit
from wattseal.protocol.signing import sign

BOTH = (Channel.DELIVERED, Channel.RECEIVED)
GAS: dict[str, Any] = {"commodity": "gas", "unit": Unit.LITRE}
P = 2**255 - 19
EIGHTH = (
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
)
LOW_ORDER = [0, 1, P - 1, P, P + 1, *EIGHTH]
OPERATORS = ["utility", "aggregator_operator", "unblinder_operator"]


def test_rows_are_sorted_and_each_meter_is_there_once() -> None:
    for numbers in [(2, 1), (1, 1), (1, 3, 2)]:
        rows = [roster_row(number) for number in numbers]
        with pytest.raises(ValidationError, match="rows are sorted by meter, each meter once"):
            roster(*rows)


@pytest.mark.parametrize("what", ["identity_key", "sealing_key", "service_point"])
def test_no_two_rows_share_what_names_an_installation(what: str) -> None:
    first = roster_row(1)
    with pytest.raises(ValidationError, match=f"two rows share a {what}"):
        roster(first, roster_row(2), roster_row(3, **{what: getattr(first, what)}))


@given(st.sampled_from(LOW_ORDER), st.booleans())
def test_nothing_can_be_sealed_to_a_key_of_low_order(key: int, high_bit: bool) -> None:
    encoded = (key | high_bit << 255).to_bytes(32, "little")
    with pytest.raises(RuntimeError):
        crypto_scalarmult(bytes(31) + b"\x40", encoded)
    with pytest.raises(ValidationError, match="not an X25519 key that anything can be sealed to"):
        roster_row(1, sealing_key=encoded)


@given(st.binary(min_size=32, max_size=32) | st.integers(0, 1 << 8).map(lambda n: (P + n - 128).to_bytes(32, "little")))
def test_a_key_is_usable_if_libsodium_multiplies_it(key: bytes) -> None:
    try:
        crypto_scalarmult(bytes(31) + b"\x40", key)
    except RuntimeError:
        with pytest.raises(ValidationError):
            roster_row(1, sealing_key=key)
    else:
        assert roster_row(1, sealing_key=key).sealing_key == key


def test_low_order_is_all_of_it() -> None:
    """Doubling thrice leads to infinity, by Montgomery's formula for u alone, which the curve and its twist share."""
    at_infinity = [u for u in LOW_ORDER if u < P and order_divides_8(u)]
    assert sorted(at_infinity) == sorted({u % P for u in LOW_ORDER})
    # At most 8 points on the curve and 4 on the twist, so that is every u there is: 0 is on both.
    assert len(at_infinity) == 5


def order_divides_8(u: int) -> bool:
    x, z = u, 1
    for _ in range(3):
        x, z = (x * x - z * z) ** 2 % P, 4 * x * z * (x * x + 486662 * x * z + z * z) % P
    return z == 0


def test_a_cohort_has_one_billing_route() -> None:
    """Of its own rows; another cohort's is another matter."""
    rows = [roster_row(number, cohort=CohortId("town/a"), billing_route="north") for number in (1, 2)]
    elsewhere = roster_row(3, cohort=CohortId("town/b"))
    assert len(roster(*rows, elsewhere).rows) == 3
    for route in (None, "south"):
        with pytest.raises(ValidationError, match="rows of one cohort have different billing routes"):
            roster(*rows, roster_row(3, cohort=CohortId("town/a"), billing_route=route))


def test_what_rows_have_alike_is_kept_once() -> None:
    """A million rows are in memory."""
    alike: dict[str, Any] = {"cohort": CohortId("town/a"), "billing_route": "north", "tariff": "E-1"}
    sent = roster(*(roster_row(number, **alike, channels=BOTH, installed=WINDOW) for number in (1, 2)))
    one, other = Roster.from_bytes(sent.to_bytes()).rows
    for what in ("cohort", "channels", "customer_class", "tariff", "billing_route", "installed", "tenure_since"):
        assert getattr(one, what) is getattr(other, what)


def test_an_account_may_have_several_meters() -> None:
    assert len(roster(roster_row(1), roster_row(2, account="account-1")).rows) == 2


@pytest.mark.parametrize("channels", [(), BOTH[::-1], BOTH[:1] * 2, (*BOTH, BOTH[1])], ids=str)
def test_channels_are_sorted_each_once(channels: tuple[Channel, ...]) -> None:
    with pytest.raises(ValidationError):
        roster(roster_row(1, channels=channels))


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"commodity": "water"},
        {"interval_minutes": 5},
        {"unit": "kWh"},
        {"interval_minutes": True},
        {"suite": 256},
        {"layout_id": bytes(7)},
        {"effective": -1},
        {"region": "a region with spaces"},
        {"rows": ()},
        {"rows": [roster_row(1)]},
    ],
    ids=str,
)
def test_fields_out_of_range(changes: dict[str, Any]) -> None:
    fields: dict[str, Any] = dict(roster())
    with pytest.raises(ValidationError):
        Roster(**{**fields, **changes})


def changed(base: Roster, **changes: Any) -> Roster:  # noqa: ANN401 - any field's value
    return Roster(**{**dict(base), **changes})


def of_class(name: str, count: int = 2, **changes: Any) -> tuple[RosterRow, ...]:  # noqa: ANN401
    return tuple(roster_row(number, customer_class=name, **changes) for number in range(count))


def test_units_and_their_factors() -> None:
    assert {unit.value: unit.factor for unit in Unit} == {"Wh": 1, "10Wh": 10, "100Wh": 100, "L": 1}


@pytest.mark.parametrize("interval_minutes", [15, 30, 60, 1440])
def test_intervals_go_by_commodity(interval_minutes: int) -> None:
    electricity, gas = {"interval_minutes": interval_minutes}, {"interval_minutes": interval_minutes, **GAS}
    for fields, allowed in ((electricity, (15, 30, 60)), (gas, (60, 1440))):
        if interval_minutes in allowed:
            assert changed(roster(roster_row(1)), **fields).interval_minutes == interval_minutes
        else:
            with pytest.raises(ValidationError, match=f"is read every {' or '.join(map(str, allowed))} minutes"):
                changed(roster(roster_row(1)), **fields)


@pytest.mark.parametrize(
    ("commodity", "unit"),
    [("electricity", Unit.LITRE), ("gas", Unit.WH), ("gas", Unit.WH_10), ("gas", Unit.WH_100)],
)
def test_units_go_by_commodity(commodity: str, unit: Unit) -> None:
    with pytest.raises(ValidationError, match="gas is counted in L, electricity in Wh, 10Wh or 100Wh"):
        changed(roster(roster_row(1)), commodity=commodity, unit=unit, interval_minutes=60)


@pytest.mark.parametrize("unit", [Unit.WH_10, Unit.WH_100])
def test_coarse_units_are_for_class_large_alone(unit: Unit) -> None:
    large = of_class("large")
    assert changed(roster(*large), unit=unit).unit is unit
    for other in ("residential", "commercial"):
        with pytest.raises(ValidationError, match="for regions of class large alone"):
            changed(roster(large[0], roster_row(1, customer_class=other)), unit=unit)


def test_class_large_may_count_in_wh_and_never_gas() -> None:
    assert roster(*of_class("large"), roster_row(2)).unit is Unit.WH
    with pytest.raises(ValidationError, match="class large is for electricity"):
        changed(roster(*of_class("large")), interval_minutes=60, **GAS)


@pytest.mark.parametrize("channels", [BOTH, BOTH[1:]], ids=str)
def test_gas_is_delivered_alone(channels: tuple[Channel, ...]) -> None:
    with pytest.raises(ValidationError, match="gas has the channel delivered alone"):
        changed(roster(roster_row(1), roster_row(2, channels=channels)), interval_minutes=60, **GAS)


@pytest.mark.parametrize("what", ["installed", "tenure_since"])
def test_nothing_begins_after_the_roster_takes_effect(what: str) -> None:
    assert roster(roster_row(1, **{what: WINDOW})).effective == WINDOW
    with pytest.raises(ValidationError, match="begins after the roster takes effect"):
        roster(roster_row(1, **{what: WINDOW + 1}))


def test_an_installation_is_a_meter_with_its_keys() -> None:
    row = roster_row(1)
    for field in ("meter", "identity_key", "sealing_key"):
        assert roster_row(1, **{field: getattr(roster_row(2), field)}).installation != row.installation
    assert roster_row(1, account="another", installed=0).installation == row.installation


def test_a_roster_has_at_most_16384_rows() -> None:
    assert MAX_METERS == 16_384
    fields: dict[str, Any] = dict(roster())
    rows = tuple(
        roster_row(
            0,
            meter=f"m-{number:05}",
            identity_key=number.to_bytes(32, "big"),
            sealing_key=(number + MAX_METERS).to_bytes(32, "big"),
            service_point=str(number),
        )
        for number in range(MAX_METERS + 1)
    )
    assert len(Roster(**{**fields, "rows": rows[:-1]}).by_meter) == MAX_METERS
    with pytest.raises(ValidationError, match="at most 16384 items"):
        Roster(**{**fields, "rows": rows})


def test_the_tree_holds_leaves_and_inner_nodes() -> None:
    rows = [roster_row(1, cohort=CohortId("town/f1/t1")), roster_row(2, cohort=CohortId("village"))]
    assert roster(*rows).cohorts == {"town", "town/f1", "town/f1/t1", "village"}


def test_a_meter_is_active_in_its_cohort_and_all_above_it() -> None:
    whole = roster()
    for cohort in whole.cohorts:
        inside = [row.meter for row in whole.rows if f"{row.cohort}/".startswith(f"{cohort}/")]
        assert whole.active(cohort, Channel.DELIVERED) == tuple(inside) == tuple(sorted(inside))
        assert inside


def test_active_goes_by_channel() -> None:
    assert roster().active(CohortId("town"), Channel.RECEIVED) == ("m-000", "m-003", "m-006", "m-009")
    only_delivered = roster(roster_row(1))
    assert only_delivered.active(CohortId("town"), Channel.RECEIVED) == ()


@pytest.mark.parametrize("cohort", ["tow", "town/", "town/feeder-9", "", "town/feeder-0/t0/x"])
def test_unknown_cohorts(cohort: str) -> None:
    with pytest.raises(UnknownSubject, match="region north has no cohort"):
        roster().active(CohortId(cohort), Channel.DELIVERED)


def test_by_meter() -> None:
    assert {meter: row.meter for meter, row in roster().by_meter.items()} == {
        f"m-{number:03}": f"m-{number:03}" for number in range(10)
    }


def test_by_service_point() -> None:
    assert {point: row.meter for point, row in roster().by_service_point.items()} == {
        f"sp-{number}": f"m-{number:03}" for number in range(10)
    }


def test_the_fingerprint_is_the_digest_of_the_canonical_bytes() -> None:
    whole = roster()
    assert whole.fingerprint == whole.digest() == Roster.from_bytes(whole.to_bytes()).fingerprint
    assert whole.fingerprint != roster(*whole.rows[:-1]).fingerprint


def test_caches_are_no_part_of_the_message() -> None:
    used, fresh = roster(), roster()
    used.active(CohortId("town"), Channel.DELIVERED)
    assert (used.by_meter, used.fingerprint) == (fresh.by_meter, fresh.fingerprint)
    assert used == roster()
    assert used.to_bytes() == roster().to_bytes()


def test_a_countersigned_roster_opens() -> None:
    signed = SignedRoster.from_bytes(signed_roster().to_bytes())
    assert signed.opened(TRUST) == signed.proposed(TRUST) == roster()


@pytest.mark.parametrize("missing", OPERATORS[1:])
def test_a_missing_countersignature(missing: str) -> None:
    signed = signed_roster().model_copy(update={missing: None})
    with pytest.raises(MalformedMessage, match="not countersigned by both operators"):
        signed.opened(TRUST)
    assert signed.proposed(TRUST) == roster()


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("signer", ["utility", "aggregator operator", "unblinder operator", "aggregator", "unblinder"])
def test_each_signature_is_of_its_own_operator(operator: str, signer: str) -> None:
    signed = signed_roster()
    other = signed.model_copy(update={operator: sign(signing_key(signer), "roster", signed.body)})
    if signer.replace(" ", "_") == operator:
        assert other == signed
    else:
        with pytest.raises(SignatureInvalid):
            other.opened(TRUST)


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_signature_of_another_roster(operator: str) -> None:
    other = roster(roster_row(1)).to_bytes()
    signature = sign(signing_key(operator.replace("_", " ")), "roster", other)
    with pytest.raises(SignatureInvalid):
        signed_roster().model_copy(update={operator: signature}).opened(TRUST)


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_signature_made_for_another_kind_of_message(operator: str) -> None:
    signed = signed_roster()
    signature = sign(signing_key(operator.replace("_", " ")), "Roster", signed.body)
    with pytest.raises(SignatureInvalid):
        signed.model_copy(update={operator: signature}).opened(TRUST)


def test_an_altered_body() -> None:
    signed = signed_roster()
    altered = signed.model_copy(update={"body": signed.body.replace(b"account-1", b"account-X")})
    assert altered.body != signed.body
    with pytest.raises(SignatureInvalid):
        altered.opened(TRUST)
    with pytest.raises(SignatureInvalid):
        altered.proposed(TRUST)


def test_a_roster_proposed_by_somebody_else() -> None:
    with pytest.raises(SignatureInvalid):
        SignedRoster.issue(roster(), SigningKey(bytes(32))).proposed(TRUST)


def test_a_signed_body_that_is_no_roster() -> None:
    body = b"{}"
    keys = {operator: signing_key(operator.replace("_", " ")) for operator in OPERATORS}
    signed = SignedRoster(body=body, **{name: sign(key, "roster", body) for name, key in keys.items()})
    with pytest.raises(MalformedMessage, match="Roster: region: Field required"):
        signed.opened(TRUST)
