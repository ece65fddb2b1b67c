"""`wattseal bill`: one bill from services that run, as text, JSON, CSV and a page to print."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wattseal.collector.bill_files import bill_json, bills_csv, described, page_name, read_accounts, read_cancelled
from wattseal.collector.bill_options import mode_of, sheet_named, therms_of, zone_for
from wattseal.collector.bill_page import bill_page
from wattseal.collector.bill_terms import Account, Terms
from wattseal.collector.bills import Settled, Unbilled
from wattseal.collector.client import Client
from wattseal.collector.out import check_out
from wattseal.edge.private_files import write_private
from wattseal.protocol.codec import to_base64
from wattseal.protocol.errors import NobodyReported, UsageError
from wattseal.protocol.tariff.bill import Customer, parse_cycle
from wattseal.protocol.tariff.files import load_tariff
from wattseal.protocol.tariff.model import Tariff


@dataclass(frozen=True)
class BillOptions:
    """What the user asked for, as it was written."""

    meter: str
    cycle: str
    directory: Path
    tariff: str | None = None
    mode: str = "amount"
    timezone: str | None = None
    region: str = "region-1"
    territory: str | None = None
    program: str | None = None
    accounts: Path | None = None
    cancels: Path | None = None
    therms_per_ccf: str | None = None
    estimate: bool = False
    out: Path | None = None

    @property
    def customer(self) -> Customer:
        return Customer(self.territory, self.program)


def bill(options: BillOptions, none: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any]:
    """The bill as `--json` has it, and the files that were written.

    `none` is told of a release that makes no bill, before that is raised: a rebill cancels it like a bill.
    Raises UsageError for options that cannot be used, before anything is asked; Refused if the rules or the opening
    say no.
    """
    if options.out is not None:
        check_out(options.out)
    meters = _meters(options)
    with Client.of_directory(options.directory.absolute()) as client:
        terms = terms_of(options, client)
        cancels = None if options.cancels is None else read_cancelled(options.cancels, meters, terms.cycle)
        accounts = {meter: Account(name, options.customer, cancels) for meter, name in meters.items()}
        (found,) = _asked(client, accounts, terms, options.region)
    if isinstance(found, Unbilled):
        if none is not None:
            none(described(found))
        raise found.error
    files = [] if options.out is None else write_bills([found], options.out)
    return {**described(found), "files": [str(file) for file in files]}


def _asked(client: Client, accounts: Mapping[str, Account], terms: Terms, region: str) -> Sequence[Settled | Unbilled]:
    """Raises what the client does, and says what may help where reports are missing."""
    try:
        return client.bills(accounts, terms, region=region)
    except NobodyReported as error:
        if terms.estimates or terms.tariff.needs_reads:
            raise
        raise NobodyReported(f"{error}; --estimate bills what the registers show") from None


def terms_of(options: BillOptions, client: Client) -> Terms:
    """Raises UsageError for options that cannot be used."""
    mode, therms = mode_of(options.mode), therms_of(options.therms_per_ccf)
    tariff = _tariff(options.tariff, client)
    cycle = parse_cycle(options.cycle, zone_for(options.timezone, tariff))
    return Terms(tariff, cycle, mode, client.interval_minutes(options.region), therms, options.estimate)


def write_bills(found: Sequence[Settled | Unbilled], out: Path, pages: str = "", most: int | None = None) -> list[Path]:
    """bills.csv, and the page and JSON of bills, or of the first `most`, in the directory `pages` of `out`.

    Each is there whole or not at all, for its owner's eyes only.
    """
    files = {out / "bills.csv": bills_csv(found)}
    for one in [one for one in found if isinstance(one, Settled)][:most]:
        files[out / pages / f"{page_name(one)}.html"] = bill_page(one)
        files[out / pages / f"{page_name(one)}.json"] = bill_json(one)
    for path, content in files.items():
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            write_private(path, content)
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}") from None
    return list(files)


def _meters(options: BillOptions) -> Mapping[str, str | None]:
    """The meter, or all that are its account's, with the account's name."""
    if options.accounts is None:
        return {options.meter: None}
    accounts = read_accounts(options.accounts)
    if options.meter not in accounts:
        raise UsageError(f"{options.accounts}: meter '{options.meter}' is missing")
    return {meter: name for meter, name in accounts.items() if name == accounts[options.meter]}


def _tariff(source: str | None, client: Client) -> Tariff:
    """The collector's own copy: the one that is named, else the one sheet of the package that is registered."""
    if source is not None:
        return load_tariff(source)
    listed = client.tariffs()
    sheets = [(sheet, one.get("digest")) for one in listed if (sheet := sheet_named(one.get("name", ""))) is not None]
    found = [sheet for sheet, digest in sheets if to_base64(sheet.fingerprint) == digest]
    if len(found) != 1:
        names = ", ".join(f"{one.get('name')} {one.get('revision')}" for one in listed)
        raise UsageError(f"--tariff names the tariff, a file or a sheet of the package; registered: {names or 'none'}")
    return found[0]
