"""The `wattseal` command line. Heavy imports wait until a verb needs them, so that help answers at once."""

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wattseal import __version__
from wattseal.collector.audit.verbs import cli as audit
from wattseal.collector.consents import cli as consents
from wattseal.collector.consents import my_data
from wattseal.collector.measures import extensions, quarantines, waivers
from wattseal.collector.policy_verbs import cli as policies
from wattseal.collector.terminal import show as _show
from wattseal.cryptosystems.backend import Backend
from wattseal.edge.command import clean_up_on_sigterm
from wattseal.edge.command import run as run_command
from wattseal.protocol.errors import NobodyReported, UsageError
from wattseal.protocol.ids import Suite

if TYPE_CHECKING:
    from rich.console import Console

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
Directory = Annotated[
    Path, typer.Option("--dir", envvar="WATTSEAL_DIR", help="Directory of the deployment that `wattseal up` runs.")
]
Region = Annotated[str, typer.Option(help="Region of the cohort.")]
PolicyName = Annotated[
    str | None, typer.Option("--policy", help="Policy pack: a name or a .toml file; trial if absent.")
]
Scheme = Annotated[
    str,
    typer.Option(
        help="paillier: public key; ckks: symmetric, by lattices; masking: symmetric, the cheapest for meters."
    ),
]
Library = Annotated[
    Backend,
    typer.Option(
        "--backend", help="The library: ours, or a published one, python-paillier or SEAL (extra `reference`)."
    ),
]
Mode = Annotated[str, typer.Option(help="amount: charges in cents; determinants: sums of energy.")]
Territory = Annotated[str | None, typer.Option(help="Baseline territory of the customer.")]
Program = Annotated[str | None, typer.Option(help="Program of the tariff's that the customer is in.")]
Therms = Annotated[str | None, typer.Option(help="The cycle's therm factor, for gas.")]
DEFAULT_DIR = Path("wattseal-data")
REGION = "region-1"


@cli.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Private smart-meter analytics: totals of encrypted reads, opened only as the rules permit."""
    if version:
        typer.echo(f"wattseal {__version__}")
        raise typer.Exit


@cli.command()
def demo(
    out: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("demo-out"),
    day: Annotated[
        str, typer.Option("--date", help="The simulated day, with which the billing cycle begins.")
    ] = "2026-03-02",
    as_json: Json = False,
) -> None:
    """A thousand simulated meters: real processes, a day of totals, a month of bills, refused attempts, a picture."""
    from wattseal.collector.demo import demo as order

    _date(day)
    _show(order(out, day, _console()), as_json)


@cli.command()
def run(
    reads: Annotated[list[Path], typer.Option(help="Interval file; further files may follow as arguments.")],
    out: Annotated[Path, typer.Option(help="Directory for totals.csv, report.html, load.png and bills.")],
    more: Annotated[list[Path] | None, typer.Argument(help="Further interval files.")] = None,
    interval: Annotated[
        int | None, typer.Option(help="15, 30 or 60 minutes, of gas 60 or 1440; found from the reads if absent.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Only the first days of the reads (UTC).")] = None,
    scheme: Scheme = "paillier",
    timezone: Annotated[str | None, typer.Option(help="Of times without one: America/Los_Angeles, or +10:00.")] = None,
    column: Annotated[
        list[str] | None, typer.Option("--map", help="COLUMN=delivered or COLUMN=received, for a wide file.")
    ] = None,
    stamps: Annotated[str, typer.Option(help="Times are the `begin` or the `end` of their interval.")] = "begin",
    registers: Annotated[
        Path | None, typer.Option(help="File of the meters' register reads, to check and complete the reads with.")
    ] = None,
    unit: Annotated[str | None, typer.Option(help="10Wh or 100Wh, for large customers.")] = None,
    neighbors: Annotated[int, typer.Option(min=0, help="Simulated meters beside yours.")] = 0,
    tariff: Annotated[
        str | None, typer.Option(help="Bill your meters under it: a file (TOML, OpenEI's JSON), or a sheet's name.")
    ] = None,
    cycle: Annotated[
        list[str] | None,
        typer.Option(help="FIRST..AFTER: a billing cycle of local dates; each whole calendar month if absent."),
    ] = None,
    cycle_timezone: Annotated[
        str | None, typer.Option(help="Of billing cycles; --timezone, or a sheet's own, if absent.")
    ] = None,
    mode: Mode = "amount",
    territory: Territory = None,
    program: Program = None,
    therms_per_ccf: Therms = None,
    policy: PolicyName = None,
    backend: Library = Backend.OURS,
    as_json: Json = False,
) -> None:
    """The whole chain on your own interval files: encrypt, upload, add, bill, open, compare with the plain reads."""
    from wattseal.collector.run import RunOptions
    from wattseal.collector.run import run as order
    from wattseal.collector.trial_bills import billing_of

    suite = _suite(scheme, backend)
    given = {"--interval": interval, "--days": days, "--timezone": timezone, "--stamps": stamps, "--unit": unit}
    if registers is not None:
        given["--registers"] = str(registers.absolute())
    words = [word for name, value in given.items() if value is not None for word in (name, str(value))]
    words += [word for pair in column or [] for word in ("--map", pair)]
    billed = {"--cycle": cycle, "--cycle-timezone": cycle_timezone, "--territory": territory, "--program": program}
    billing = None
    if tariff is not None:
        zone = timezone if cycle_timezone is None else cycle_timezone
        billing = billing_of(tariff, zone, (territory, program), mode, tuple(cycle or ()), therms_per_ccf)
    elif useless := [name for name, value in (billed | {"--therms-per-ccf": therms_per_ccf}).items() if value]:
        raise UsageError(f"{useless[0]} is for bills: --tariff names what they are made by")
    options = RunOptions((*reads, *(more or ())), out, neighbors, policy, suite, backend, tuple(words), billing)
    _show(order(options, _console()), as_json)


@cli.command()
def up(
    directory: Directory = DEFAULT_DIR,
    policy: PolicyName = None,
    scheme: Scheme = "paillier",
    backend: Library = Backend.OURS,
) -> None:
    """Start every role on this machine and stay; Ctrl-C stops them. The scheme is chosen the first time."""
    from wattseal.collector.up import up as order

    order(directory, policy, _suite(scheme, backend), backend, _console())


@cli.command()
def fleet(
    directory: Directory = DEFAULT_DIR,
    meters: Annotated[int, typer.Option(min=1, help="Simulated meters.")] = 1000,
    first_date: Annotated[str, typer.Option(help="First simulated day.")] = "2026-03-02",
    days: Annotated[int, typer.Option(min=1, help="How many days of reads.")] = 1,
    leaf_size: Annotated[int, typer.Option(min=0, help="Meters a transformer; 0: one cohort.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="The same seed simulates the same reads.")] = 1,
    interval: Annotated[int | None, typer.Option(help="15, 30 or 60 minutes; of gas 60 or 1440.")] = None,
    commodity: Annotated[str, typer.Option(help="electricity or gas")] = "electricity",
    unit: Annotated[str, typer.Option(help="Wh; 10Wh or 100Wh simulate large customers.")] = "Wh",
    exchange: Annotated[list[str] | None, typer.Option(help="METER@DATE: another meter there, from that day.")] = None,
    move: Annotated[list[str] | None, typer.Option(help="METER@DATE: another account there, from that day.")] = None,
    faults: Annotated[Path | None, typer.Option(help="File of troubles (TOML): docs/faults.md.")] = None,
    late: Annotated[bool, typer.Option(help="Send what the troubles made late: once the windows are closed.")] = False,
    tariff: Annotated[
        str | None, typer.Option(help="Bill all under this tariff: a file, or a sheet such as E-TOU-C.")
    ] = None,
    listed: Annotated[
        list[str] | None, typer.Option(help="A charge of the tariff for the operators' list: docs/bill-rules.md.")
    ] = None,
    cycle: Annotated[str | None, typer.Option(help="FIRST..AFTER: also send a billing cycle of local dates.")] = None,
    cycle_timezone: Annotated[str, typer.Option(help="Of the billing cycle.")] = "America/Los_Angeles",
    as_json: Json = False,
) -> None:
    """Run a simulated meter fleet against the services that `wattseal up` runs. Again: it goes on where it stopped."""
    from wattseal.collector.up import FleetOptions
    from wattseal.collector.up import fleet as order

    _date(first_date)
    making = {"--simulate": meters, "--first-date": first_date, "--days": days, "--leaf-size": leaf_size}
    making |= {"--seed": seed, "--interval": interval, "--commodity": commodity, "--unit": unit}
    words = [word for name, value in making.items() if value is not None for word in (name, str(value))]
    words += [word for one in exchange or [] for word in ("--exchange", one)]
    words += [word for one in move or [] for word in ("--move", one)]
    sending = [] if faults is None else ["--faults", str(faults.absolute())]
    sending += ["--windows-closed"] if late else []
    sending += [] if cycle is None else ["--cycle", cycle, "--cycle-timezone", cycle_timezone]
    if listed and tariff is None:
        raise UsageError("--listed is for charges of a tariff: --tariff names it")
    _show(order(directory, FleetOptions(tuple(words), tuple(sending), tariff, tuple(listed or ()))), as_json)


@cli.command()
def close(
    window: Annotated[str, typer.Argument(help="Date of the window, such as 2026-03-02.")],
    directory: Directory = DEFAULT_DIR,
    region: Region = REGION,
    as_json: Json = False,
) -> None:
    """Close a window: its set of reports is frozen for good."""
    from wattseal.collector.up import close as order

    _show(order(directory, region, _date(window)), as_json)


@cli.command()
def total(
    cohort: Annotated[str, typer.Argument(help="Such as town/feeder-1.")],
    window: Annotated[str, typer.Argument(help="Date of the window, such as 2026-03-02.")],
    directory: Directory = DEFAULT_DIR,
    region: Region = REGION,
    channel: Annotated[str, typer.Option(help="delivered or received")] = "delivered",
    purpose: Annotated[str, typer.Option(help="One that the policy knows.")] = "grid-planning",
    as_json: Json = False,
) -> None:
    """The total of a cohort over a closed window, interval by interval."""
    from wattseal.collector.client import Client, frame

    if channel not in ("delivered", "received"):
        raise UsageError(f"--channel is delivered or received, not '{channel}'")
    day = _date(window)
    with Client.of_directory(directory) as client:
        release, at = client.released(cohort, day, region=region, channel=channel, purpose=purpose)
    table = frame(release, at)
    starts = table["interval_start"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = table.with_columns(starts).to_dicts()
    noise = {} if release.noise is None else {"noise": {"unit": release.unit, **release.noise.model_dump()}}
    _show({"cohort": cohort, "window": window, "channel": channel, **noise, "rows": rows}, as_json)


@cli.command()
def bill(
    about: Annotated[
        list[str],
        typer.Argument(
            metavar="[METER] CYCLE",
            help="The meter's id, and first local day and the day after the last: 2026-03-02..2026-04-01.",
        ),
    ],
    route: Annotated[
        str | None, typer.Option(help="Bill all meters of this billing route that are under the tariff.")
    ] = None,
    tariff: Annotated[
        str | None, typer.Option(help="Your copy: a file (TOML, or OpenEI's JSON), or a sheet's name such as E-TOU-C.")
    ] = None,
    mode: Mode = "amount",
    timezone: Annotated[str | None, typer.Option(help="Of the cycle; a sheet's own if absent.")] = None,
    region: Region = REGION,
    territory: Territory = None,
    program: Program = None,
    accounts: Annotated[
        Path | None, typer.Option(help="CSV file with columns meter and account: the account's meters share the bill.")
    ] = None,
    cancels: Annotated[
        Path | None, typer.Option(help="Earlier bill of this cycle (its --json), which this one takes the place of.")
    ] = None,
    therms_per_ccf: Therms = None,
    estimate: Annotated[
        bool, typer.Option(help="Where a cycle report is missing, bill what the registers show, marked as estimated.")
    ] = False,
    directory: Directory = DEFAULT_DIR,
    out: Annotated[Path | None, typer.Option(help="Directory for bills.csv, and the bill as a page and JSON.")] = None,
    as_json: Json = False,
) -> None:
    """The bill of a meter, or of a billing route, over a billing cycle: only cents, or a few sums, are opened."""
    from wattseal.collector.bill import BillOptions
    from wattseal.collector.bill import bill as order
    from wattseal.collector.bill_route import bill_route
    from wattseal.collector.bill_text import show_bill

    if len(about) != (2 if route is None else 1):
        raise UsageError("give METER CYCLE, or --route NAME and CYCLE alone")
    options = BillOptions(
        meter=about[0] if route is None else "",
        cycle=about[-1],
        directory=directory,
        tariff=tariff,
        mode=mode,
        timezone=timezone,
        region=region,
        territory=territory,
        program=program,
        accounts=accounts,
        cancels=cancels,
        therms_per_ccf=therms_per_ccf,
        estimate=estimate,
        out=out,
    )
    if route is not None:
        billed = bill_route(options, route, _console())
        # Two files a bill: a person looks for the first.
        _show(billed if as_json else {**billed, "files": billed["files"][:1]}, as_json)
        if billed["not_billed"].keys() - {NobodyReported.slug}:
            raise typer.Exit(3)
        return
    answer = order(options, (lambda none: _show(none, as_json)) if as_json else None)
    if as_json:
        _show(answer, as_json)
    else:
        show_bill(answer)


@cli.command()
def check_bill(
    bill: Annotated[Path, typer.Argument(help="The bill's JSON.")],
    tariff: Annotated[str | None, typer.Option(help="Your copy; the package's sheet of that name if absent.")] = None,
    territory: Territory = None,
    program: Program = None,
    therms_per_ccf: Therms = None,
    directory: Directory = DEFAULT_DIR,
    as_json: Json = False,
) -> None:
    """A customer's check: the meter works its bill out from its own reads. Exit status 3 if a line differs."""
    from wattseal.collector.deployment import Places
    from wattseal.collector.processes import judged

    options = {"--tariff": tariff, "--territory": territory, "--program": program, "--therms-per-ccf": therms_per_ccf}
    words = [word for name, value in options.items() if value is not None for word in (name, value)]
    answer = judged("meter_sim", "check-bill", "--fleet", Places(directory.absolute()).fleet, bill.absolute(), *words)
    _show(answer, as_json)
    if not answer["same"]:
        raise typer.Exit(3)


@cli.command()
def reconcile(
    cohort: Annotated[str, typer.Argument(help="Such as town/feeder-1.")],
    cycle: Annotated[str, typer.Argument(help="First local day and the day after the last: 2026-03-02..2026-04-01.")],
    tariff: Annotated[
        str | None, typer.Option(help="Your copy: a file (TOML, or OpenEI's JSON), or a sheet's name such as E-TOU-C.")
    ] = None,
    mode: Mode = "amount",
    timezone: Annotated[str | None, typer.Option(help="Of the cycle; a sheet's own if absent.")] = None,
    region: Region = REGION,
    purpose: Annotated[str, typer.Option(help="What the totals are asked for.")] = "grid-planning",
    directory: Directory = DEFAULT_DIR,
    as_json: Json = False,
) -> None:
    """Whether a cohort's bills add up to its totals, line by line; the decryptor says equal or not, and no more."""
    from wattseal.collector.bill import BillOptions
    from wattseal.collector.reconcile import reconcile as order

    options = BillOptions("", cycle, directory, tariff, mode, timezone, region)
    answer = order(options, cohort, purpose, _console())
    _show(answer if as_json else {name: value for name, value in answer.items() if value not in (None, [])}, as_json)
    if not answer["equal"]:
        raise typer.Exit(3)


@cli.command()
def ledger(
    role: Annotated[str, typer.Argument(help="decryptor or unblinder")],
    directory: Directory = DEFAULT_DIR,
    first: Annotated[int, typer.Option(min=1, help="First entry to show.")] = 1,
    most: Annotated[int, typer.Option(min=1, max=1000, help="How many entries to show.")] = 100,
    as_json: Json = False,
) -> None:
    """Entries of one half's ledger: what was asked, opened and refused."""
    from wattseal.collector.up import in_words
    from wattseal.collector.up import ledger as order

    answer = order(directory, role, first, most)
    _show(answer if as_json else {"entries": in_words(answer["entries"])}, as_json)


keys = typer.Typer(no_args_is_help=True, help="Key periods of the services that `wattseal up` runs.")
cli.add_typer(keys, name="keys")


@keys.command("rotate")
def rotate(
    first_date: Annotated[str, typer.Option(help="First day under new keys; the period before ends there.")],
    last_date: Annotated[str, typer.Option(help="Last day that the new keys are made for.")] = "2099-12-31",
    directory: Directory = DEFAULT_DIR,
    as_json: Json = False,
) -> None:
    """Begin the next key period with both halves, without stopping anything."""
    from wattseal.collector.up import rotate as order

    _show(order(directory, _date(first_date), _date(last_date)), as_json)


@keys.command("destroy")
def destroy(
    period: Annotated[int, typer.Option(min=1, help="Number of a key period that is over.")],
    directory: Directory = DEFAULT_DIR,
    as_json: Json = False,
) -> None:
    """Destroy a key period with both halves: nobody can open its reports any more. There is no way back."""
    from wattseal.collector.up import destroy as order

    _show(order(directory, period), as_json)


rosters = typer.Typer(no_args_is_help=True, help="What operators do with rosters before any service has them.")
cli.add_typer(rosters, name="roster")
cli.add_typer(audit, name="audit")
cli.add_typer(policies, name="policy")
cli.add_typer(consents, name="consent")
cli.command("my-data")(my_data)
cli.add_typer(waivers, name="waiver")
cli.add_typer(quarantines, name="quarantine")
cli.add_typer(extensions, name="extension")


@rosters.command("check")
def check_roster(
    roster: Annotated[Path, typer.Argument(help="Signed roster, countersigned or not.")],
    previous: Annotated[Path | None, typer.Option(help="The roster in force until then.")] = None,
    trust: Annotated[
        Path | None, typer.Option(help="The operators' public keys; signatures go unchecked without.")
    ] = None,
    policy: PolicyName = None,
    as_json: Json = False,
) -> None:
    """Show what a roster says and changes, and whether it could be installed: read this before you countersign."""
    from wattseal.collector.roster_check import check as order
    from wattseal.policy.pack import named_policy

    answer = order(roster, previous, trust, named_policy(policy))
    _show(answer if as_json else {name: value for name, value in answer.items() if value not in (None, [])}, as_json)
    if answer["refused"] is not None:
        raise UsageError(f"{roster} could not be installed: {answer['refused']}")


@cli.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bench(context: typer.Context) -> None:
    """What each scheme costs on this machine, beside what one would use instead of it."""
    _become("wattseal.bench", context.args)


def _suite(scheme: str, backend: Backend) -> Suite:
    """Raises UsageError for a scheme that is not offered, or not by this library."""
    from wattseal.cryptosystems.backend import require_backend
    from wattseal.cryptosystems.errors import BackendError

    suite = Suite.of_scheme(scheme)
    try:
        require_backend(backend, suite)
    except BackendError as error:
        raise UsageError(f"--backend {backend}: {error}") from None
    return suite


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise UsageError(f"'{text}' is not a date such as 2026-03-02") from None


def _console() -> "Console":
    from rich.console import Console

    return Console(stderr=True)


# Verbs of the other roles, for deployment. They never share a process with this one.
_ROLES = {"aggregator": "wattseal.aggregator", "keyserver": "wattseal.keyserver"}


def _become(module: str, words: Sequence[str]) -> None:
    import os

    os.execv(sys.executable, [sys.executable, "-P", "-m", module, *words])  # noqa: S606


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1] in _ROLES:
        _become(_ROLES[sys.argv[1]], sys.argv[2:])
    clean_up_on_sigterm()
    run_command(cli)


if __name__ == "__main__":
    main()
