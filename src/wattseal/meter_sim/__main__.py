"""The meters' side as a process: prepare a fleet, send its reads."""

import json
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from wattseal.cryptosystems.backend import Backend
from wattseal.edge.command import clean_up_on_sigterm, log_to_stderr, run_role
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Suite, Window
from wattseal.protocol.time import parse_window

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
Region = Annotated[str, typer.Option(help="Region of the meters.")]
Fleet = Annotated[Path, typer.Option(help="The fleet's own directory (mode 0700). Never restore it from a copy.")]


@cli.command()
def init(fleet: Fleet) -> None:
    """Make the key with which the utility signs rosters, and print its public part."""
    from wattseal.meter_sim.rosters import utility_key
    from wattseal.meter_sim.state import FleetState
    from wattseal.protocol.codec import to_base64

    with FleetState(fleet) as state:
        typer.echo(json.dumps({"utility": to_base64(bytes(utility_key(state).verify_key))}))


@cli.command()
def tariff(
    fleet: Fleet,
    source: Annotated[str, typer.Argument(help="A tariff file (TOML, or OpenEI's JSON), or a sheet's name: E-TOU-C.")],
    out: Annotated[Path, typer.Option(help="Where the signed tariff goes, to be countersigned.")],
) -> None:
    """Sign a tariff with the utility's key."""
    from wattseal.meter_sim.rosters import utility_key
    from wattseal.meter_sim.state import FleetState
    from wattseal.protocol.codec import to_base64
    from wattseal.protocol.tariff.files import load_tariff
    from wattseal.protocol.tariff.signed import SignedTariff

    found = load_tariff(source)
    with FleetState(fleet) as state:
        out.write_bytes(SignedTariff.issue(found, utility_key(state)).to_bytes())
    typer.echo(json.dumps({"tariff": found.name, "revision": found.revision, "digest": to_base64(found.fingerprint)}))


@cli.command()
def charge_list(
    fleet: Fleet,
    source: Annotated[str, typer.Argument(help="The tariff, as for `tariff`.")],
    charges: Annotated[list[str], typer.Argument(help="Its charges whose results need mix 8 hours only.")],
    out: Annotated[Path, typer.Option(help="Where the signed list goes, to be countersigned.")],
) -> None:
    """Sign a list of a tariff's charges with the utility's key."""
    from wattseal.meter_sim.rosters import utility_key
    from wattseal.meter_sim.state import FleetState
    from wattseal.protocol.tariff.charge_list import ChargeList, SignedChargeList
    from wattseal.protocol.tariff.files import load_tariff

    listed = ChargeList.naming(load_tariff(source), charges)
    with FleetState(fleet) as state:
        out.write_bytes(SignedChargeList.issue(listed, utility_key(state)).to_bytes())
    typer.echo(json.dumps({"charges": listed.charges}))


@cli.command()
def waiver(
    fleet: Fleet,
    out: Annotated[Path, typer.Option(help="Where the signed waiver goes, to be countersigned.")],
    cohort: Annotated[str, typer.Option(help="The cohort; those below it are meant as well.")],
    coverage: Annotated[int, typer.Option(min=50, max=99, help="Percent of the active roster that will do.")],
    first: Annotated[str, typer.Option(help="First day (UTC).")],
    last: Annotated[str, typer.Option(help="Last day (UTC).")],
    reason: Annotated[str, typer.Option(help="Why, for all three operators to read.")],
    region: Region = "region-1",
    channel: Annotated[str, typer.Option(help="delivered or received")] = "delivered",
) -> None:
    """Sign a waiver of coverage with the utility's key."""
    from wattseal.meter_sim.measures import sign_waiver

    term = {"region": region, "first": first, "last": last, "reason": reason}
    _tell(sign_waiver(fleet, out, {"cohort": cohort, "channel": channel, "coverage_percent": coverage, **term}))


@cli.command()
def quarantine(
    fleet: Fleet,
    out: Annotated[Path, typer.Option(help="Where the signed quarantine goes, to be countersigned.")],
    meter: Annotated[str, typer.Option(help="The meter that is not to be counted.")],
    first: Annotated[str, typer.Option(help="First day (UTC), one that has not begun.")],
    last: Annotated[str, typer.Option(help="Last day (UTC).")],
    reason: Annotated[str, typer.Option(help="Why, for all three operators to read.")],
    region: Region = "region-1",
) -> None:
    """Sign a quarantine of a meter with the utility's key."""
    from wattseal.meter_sim.measures import sign_quarantine

    _tell(
        sign_quarantine(fleet, out, {"meter": meter, "region": region, "first": first, "last": last, "reason": reason})
    )


@cli.command()
def extension(
    fleet: Fleet,
    out: Annotated[Path, typer.Option(help="Where the signed extension goes, to be countersigned.")],
    tariff: Annotated[str, typer.Option(help="Name of the tariff, all its revisions.")],
    results: Annotated[int, typer.Option(min=1, max=4, help="How many results of a meter's cycle more than 8.")],
    first: Annotated[str, typer.Option(help="First day (UTC); billing cycles lie wholly within the days.")],
    last: Annotated[str, typer.Option(help="Last day (UTC).")],
    reason: Annotated[str, typer.Option(help="Why, for all three operators to read.")],
    region: Region = "region-1",
) -> None:
    """Sign an extension of the rank budget of bills with the utility's key."""
    from wattseal.meter_sim.measures import sign_extension

    term = {"region": region, "first": first, "last": last, "reason": reason}
    _tell(sign_extension(fleet, out, term, "rank", {"tariff": tariff, "results": results}))


@cli.command("noise-extension")
def noise_extension(
    fleet: Fleet,
    out: Annotated[Path, typer.Option(help="Where the signed extension goes, to be countersigned.")],
    cohort: Annotated[str, typer.Option(help="The cohort; those below it are meant as well.")],
    rho_millionths: Annotated[int, typer.Option(min=1, help="How much more of a member's day may be spent.")],
    first: Annotated[str, typer.Option(help="First day (UTC).")],
    last: Annotated[str, typer.Option(help="Last day (UTC).")],
    reason: Annotated[str, typer.Option(help="Why, for all three operators to read.")],
    region: Region = "region-1",
    channel: Annotated[str, typer.Option(help="delivered or received")] = "delivered",
) -> None:
    """Sign an extension of the budget of noisy totals with the utility's key."""
    from wattseal.meter_sim.measures import sign_extension

    term = {"region": region, "first": first, "last": last, "reason": reason}
    more: dict[str, str | int] = {"cohort": cohort, "channel": channel, "rho_millionths": rho_millionths}
    _tell(sign_extension(fleet, out, term, "noise", more))


@cli.command()
def reset_item(
    fleet: Fleet,
    out: Annotated[Path, typer.Option(help="Where the signed reset goes, to be countersigned.")],
    item: Annotated[str, typer.Option(help="The item, in hexadecimal, as attempts in the decryptor's ledger name it.")],
    reason: Annotated[str, typer.Option(help="Why, for all three operators to read.")],
    serial: Annotated[int, typer.Option(min=1, max=1000, help="Which reset of this item it is.")] = 1,
) -> None:
    """Sign with the utility's key that an item may be attempted three more times."""
    from wattseal.meter_sim.measures import sign_reset

    _tell(sign_reset(fleet, out, item, serial, reason))


@cli.command()
def consent(
    fleet: Fleet,
    out: Annotated[Path, typer.Option(help="Where the signed consent goes.")],
    meter: Annotated[str, typer.Option(help="The customer's meter.")],
    recipient: Annotated[str, typer.Option(help="Who may ask.")],
    purpose: Annotated[str, typer.Option(help="What for.")],
    first: Annotated[str, typer.Option(help="First day (UTC) of the reads that are meant.")],
    last: Annotated[str, typer.Option(help="Last day (UTC) of them.")],
    until: Annotated[str, typer.Option(help="Last day (UTC) on which it may be asked.")],
    evidence: Annotated[str | None, typer.Option(help="How the utility knows, if it signs.")] = None,
) -> None:
    """Sign a consent with the meter's identity key, or with the utility's on evidence."""
    from wattseal.meter_sim.consents import Given, sign_consent

    windows = (parse_window(first), parse_window(last), parse_window(until))
    _tell(sign_consent(fleet, out, Given(meter, recipient, purpose, *windows, evidence)))


@cli.command("revoke-consent")
def revoke_consent(
    fleet: Fleet,
    consent: Annotated[Path, typer.Option(help="The signed consent.")],
    out: Annotated[Path, typer.Option(help="Where the signed revocation goes.")],
    evidence: Annotated[str | None, typer.Option(help="How the utility knows, if it signs.")] = None,
) -> None:
    """Sign the revocation of a consent."""
    from wattseal.meter_sim.consents import sign_revocation

    _tell(sign_revocation(fleet, consent, out, evidence))


@cli.command("my-data")
def my_data(
    fleet: Fleet,
    meter: Annotated[str, typer.Option(help="The customer's meter.")],
    out: Annotated[Path, typer.Option(help="Green Button file to write.")],
    account: Annotated[str | None, typer.Option(help="The customer's account.")] = None,
    day: Annotated[str | None, typer.Option("--date", help="A day of the tenure.")] = None,
) -> None:
    """Write a tenure's own reads as Green Button XML."""
    from wattseal.meter_sim.own_data import Whose, export

    _tell(export(fleet, Whose(meter, account, None if day is None else parse_window(day)), out))


def _tell(answer: object) -> None:
    typer.echo(json.dumps(answer))


@cli.command()
def check_bill(
    fleet: Fleet,
    bill: Annotated[Path, typer.Argument(help="The bill's JSON.")],
    tariff_source: Annotated[
        str | None, typer.Option("--tariff", help="The customer's own copy; a sheet of the bill's name if absent.")
    ] = None,
    territory: Annotated[str | None, typer.Option(help="Baseline territory of the customer.")] = None,
    program: Annotated[str | None, typer.Option(help="Program of the tariff's that the customer is in.")] = None,
    therms_per_ccf: Annotated[str | None, typer.Option(help="The cycle's therm factor, for gas.")] = None,
) -> None:
    """Work a bill out again from the meters' own reads, and compare it line by line; exit status 3 if it differs."""
    from decimal import Decimal, InvalidOperation

    from wattseal.meter_sim.check_bill import Checking
    from wattseal.meter_sim.check_bill import check_bill as order
    from wattseal.protocol.tariff.bill import Customer

    try:
        therms = None if therms_per_ccf is None else Decimal(therms_per_ccf)
    except InvalidOperation:
        raise UsageError(f"--therms-per-ccf is a decimal such as 1.034, not '{therms_per_ccf}'") from None
    lines = order(fleet, bill, Checking(tariff_source, Customer(territory, program), therms))
    rows = [{**line._asdict(), "same": line.same} for line in lines]
    typer.echo(json.dumps({"lines": rows, "same": all(line.same for line in lines)}, default=str))
    for line in lines:
        if not line.same:
            words = f"line '{line.line}' differs: billed {line.billed}, from the meter's own reads {line.from_reads}"
            typer.echo(f"wattseal: {words}", err=True)
            raise typer.Exit(3)


@cli.command()
def prepare(
    fleet: Fleet,
    roster: Annotated[Path, typer.Option(help="Where the signed roster goes, to be countersigned.")],
    region: Region = "region-1",
    reads: Annotated[list[Path] | None, typer.Option(help="Interval file; repeat for several.")] = None,
    simulate: Annotated[int, typer.Option(min=0, help="Simulated meters; neighbors beside files of reads.")] = 0,
    seed: Annotated[int, typer.Option(help="The same seed simulates the same reads.")] = 1,
    interval: Annotated[int | None, typer.Option(help="15, 30 or 60 minutes; of gas 60 or 1440.")] = None,
    first_date: Annotated[str | None, typer.Option(help="First simulated day.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="How many days of reads.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Of times without one: America/Los_Angeles, or +10:00.")] = None,
    column: Annotated[list[str] | None, typer.Option("--map", help="COLUMN=CHANNEL")] = None,
    stamps: Annotated[str, typer.Option(help="begin or end")] = "begin",
    registers: Annotated[Path | None, typer.Option(help="File of register reads, to check the reads with.")] = None,
    commodity: Annotated[str, typer.Option(help="Of simulated meters: electricity or gas.")] = "electricity",
    unit: Annotated[str, typer.Option(help="Wh; 10Wh or 100Wh for large customers.")] = "Wh",
    root: Annotated[str, typer.Option(help="Name of the whole neighborhood.")] = "neighborhood",
    leaf_size: Annotated[int, typer.Option(min=0, help="Meters a transformer; 0: one cohort.")] = 0,
    apart: Annotated[int, typer.Option(min=0, help="Meters in a small cohort of their own.")] = 0,
    suite: Annotated[int, typer.Option(help="1: Paillier with 3,072 bits; 2: CKKS; 3: masking.")] = int(
        Suite.PAILLIER_3072
    ),
    exchange: Annotated[list[str] | None, typer.Option(help="METER@DATE: another meter there, from that day.")] = None,
    move: Annotated[list[str] | None, typer.Option(help="METER@DATE: another account there, from that day.")] = None,
    tariff_name: Annotated[
        str | None, typer.Option("--tariff", help="Name of the tariff that all accounts are billed under.")
    ] = None,
    customer_class: Annotated[
        str | None, typer.Option(help="residential, commercial or large; by the unit if absent.")
    ] = None,
) -> None:
    """Make the meters' keys and the roster that names them; one more roster for each day of an exchange or move."""
    from wattseal.meter_sim.orders import Neighborhoods
    from wattseal.meter_sim.orders import prepare as order
    from wattseal.meter_sim.sources import SourceSettings
    from wattseal.protocol.roster import CustomerClass, Unit

    if not reads and not simulate:
        raise UsageError("give files with --reads, or a number of meters with --simulate")
    if stamps not in ("begin", "end"):
        raise UsageError(f"--stamps is begin or end, not '{stamps}'")
    if commodity not in ("electricity", "gas"):
        raise UsageError(f"--commodity is electricity or gas, not '{commodity}'")
    if customer_class not in (None, *get_args(CustomerClass)):
        raise UsageError(f"--customer-class is residential, commercial or large, not '{customer_class}'")
    if unit not in list(Unit):
        raise UsageError(f"--unit is Wh, 10Wh or 100Wh, not '{unit}'")
    settings = SourceSettings(
        simulated=simulate,
        seed=seed,
        interval_minutes=interval,
        first_day=None if first_date is None else parse_window(first_date),
        days=days,
        paths=tuple(path.absolute() for path in reads or ()),
        timezone=timezone,
        columns=_mapping(column or []),
        stamps="end" if stamps == "end" else "begin",
        commodity="gas" if commodity == "gas" else "electricity",
        unit=Unit(unit),
        registers=None if registers is None else registers.absolute(),
    )
    neighborhoods = Neighborhoods(root=root, leaf_size=leaf_size, apart=apart)
    changes = _takeovers("--exchange", exchange or []), _takeovers("--move", move or [])
    customers = cast(CustomerClass | None, customer_class)
    facts = order(fleet, roster, region, suite, settings, neighborhoods, *changes, tariff_name, customers)
    typer.echo(json.dumps(facts))


@cli.command()
def send(
    fleet: Fleet,
    aggregator: Annotated[str, typer.Argument(help="Its address.")],
    decryptor: Annotated[str, typer.Argument(help="Its address.")],
    unblinder: Annotated[str, typer.Argument(help="Its address.")],
    tokens: Annotated[Path, typer.Option(help="Directory with the fleet's token for each role.")],
    trust: Annotated[Path, typer.Option(help="The roles' public keys, pinned.")],
    plain_totals: Annotated[Path | None, typer.Option(help="Also write the plain sums, for their owner.")] = None,
    patience: Annotated[float, typer.Option(help="Seconds to wait for an aggregator that is away.")] = 120.0,
    backend: Annotated[
        Backend,
        typer.Option(help="The library: ours, or a published one, python-paillier or SEAL (extra `reference`)."),
    ] = Backend.OURS,
    faults: Annotated[Path | None, typer.Option(help="File of troubles (TOML): docs/faults.md.")] = None,
    windows_closed: Annotated[bool, typer.Option(help="Send what these troubles make late, too.")] = False,
    cycle: Annotated[
        list[str] | None,
        typer.Option(help="FIRST..AFTER: a billing cycle of local dates, sent in one report a meter; repeat for more."),
    ] = None,
    cycle_timezone: Annotated[str, typer.Option(help="Of the billing cycles.")] = "UTC",
    plain_cycles: Annotated[Path | None, typer.Option(help="Also write the cycles' plain reads.")] = None,
    daily_days: Annotated[int | None, typer.Option(min=0, help="Daily reports of the first days only.")] = None,
    tariff_file: Annotated[
        Path | None,
        typer.Option("--tariff", help="The countersigned tariff that the meters' registers are programmed with."),
    ] = None,
) -> None:
    """Enrol with both halves, then seal and upload every day of reads, and a billing cycle's reads and registers."""
    from wattseal.meter_sim.faults import load_faults
    from wattseal.meter_sim.fleet_registers import registered_tariff
    from wattseal.meter_sim.orders import Peers, Sending
    from wattseal.meter_sim.orders import send as order
    from wattseal.protocol.tariff.bill import parse_cycle

    log_to_stderr()
    peers = Peers(aggregator, decryptor, unblinder, tokens, trust)
    troubles = None if faults is None else load_faults(faults)
    billed = tuple(parse_cycle(one, cycle_timezone) for one in cycle or [])
    programmed = None if tariff_file is None else registered_tariff(tariff_file, trust)
    how = Sending(
        plain_totals, patience, backend, troubles, windows_closed, billed, plain_cycles, daily_days, programmed
    )
    typer.echo(json.dumps(order(fleet, peers, how)))


def _mapping(columns: list[str]) -> dict[str, str]:
    pairs = [column.rpartition("=") for column in columns]
    for name, _, channel in pairs:
        if not name or channel not in ("delivered", "received"):
            raise UsageError("--map takes COLUMN=delivered or COLUMN=received")
    return {name: channel for name, _, channel in pairs}


def _takeovers(option: str, words: list[str]) -> dict[str, list[Window]]:
    """Dates by meter, in order."""
    takeovers: dict[str, list[Window]] = {}
    for word in words:
        meter, sign, date = word.rpartition("@")
        if not meter or not sign:
            raise UsageError(f"{option} takes METER@DATE, such as meter-00007@2026-03-02")
        takeovers.setdefault(meter, []).append(parse_window(date))
    return {meter: sorted(dates) for meter, dates in takeovers.items()}


def main() -> None:
    clean_up_on_sigterm()
    run_role(cli)


if __name__ == "__main__":
    main()
