"""Rules of validation, estimation and editing on arrays: spikes, gaps, and the sum that a register tells.

Rows are meters, or steps of registers; columns are intervals. No rule sees a day, a date or a history:
editing.py chooses what they see. docs/editing.md gives reasons and sources.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattseal.protocol.report import FlagReason

Wh = NDArray[np.int64]
Mask = NDArray[np.bool_]
Reasons = NDArray[np.uint8]

SMALL_W = 4000
"""Below this mean power no read is a spike: an oven or a heater that ran alone."""

LONGEST_LINEAR_MINUTES = 120
_RANKED = 3
_NO_LIMIT = np.iinfo(np.int64).max


def half_even(numerator: Wh, denominator: Wh) -> Wh:
    """Quotients rounded to the nearest integer, halves to even; denominators are positive."""
    quotient, rest = np.divmod(numerator, denominator)
    rounded: Wh = quotient + ((2 * rest > denominator) | ((2 * rest == denominator) & (quotient % 2 == 1)))
    return rounded


def spike_limits(wh: Wh, read: Mask, interval_minutes: int) -> Wh:
    """The highest read of each row that is not suspected: 180 % above the row's third highest.

    `wh` is 0 where `read` is false. So at most two reads of a row are above its limit; with fewer than three there
    is none to compare with.
    """
    limits = np.full(len(wh), _NO_LIMIT)
    small = SMALL_W * interval_minutes // 60
    ranked = np.flatnonzero((wh.max(axis=1, initial=0) > small) & (np.count_nonzero(read, axis=1) >= _RANKED))
    if len(ranked):
        third = np.sort(wh[ranked], axis=1)[:, -_RANKED]
        limits[ranked] = np.maximum(small, 14 * third // 5)
    return limits


class Estimates(NamedTuple):
    """What each interval would hold if its read were gone, and the FlagReason: LINEAR, LIKE_DAY, MISSING."""

    wh: Wh
    reasons: Reasons


def estimates(wh: Wh, sound: Mask, like_days: tuple[Wh, Mask], interval_minutes: int) -> Estimates:
    """Estimates from the nearest sound reads on both sides and, for gaps above two hours, from like days.

    `like_days` are values and whether there are any, shaped as `wh`. MISSING, and 0, where the columns show no sound
    read on one of the sides: nothing is estimated before a meter's first read or after its last.
    """
    width = wh.shape[1]
    places = np.arange(width)
    before = np.maximum.accumulate(np.where(sound, places, -1), axis=1)
    after = np.minimum.accumulate(np.where(sound, places, width)[:, ::-1], axis=1)[:, ::-1]
    between = (before >= 0) & (after < width)
    low = np.take_along_axis(wh, np.maximum(before, 0), axis=1)
    high = np.take_along_axis(wh, np.minimum(after, width - 1), axis=1)
    linear = half_even(low * (after - places) + high * (places - before), np.maximum(after - before, 1))
    like_day, known = like_days
    is_linear = ((after - before - 1) * interval_minutes <= LONGEST_LINEAR_MINUTES) | ~known
    reasons = np.where(is_linear, FlagReason.LINEAR, FlagReason.LIKE_DAY)
    return Estimates(
        wh=np.where(between, np.where(is_linear, linear, like_day), 0),
        reasons=np.where(between, reasons, FlagReason.MISSING).astype(np.uint8),
    )


@dataclass(frozen=True)
class Spans:
    """Intervals around register steps, one row a step, which tells the energy of those `inside` to its resolution.

    `read` marks measured reads, `suspect` those of them above their `limits`; `steps_wh` has shape (steps,). Where
    a read is absent, the reason of its estimate is that of the gap.
    """

    steps_wh: Wh
    resolutions_wh: Wh
    inside: Mask
    wh: Wh
    read: Mask
    suspect: Mask
    limits: Wh
    estimates: Estimates


def within_rounding(differences_wh: Wh, resolutions_wh: Wh, inside: Mask) -> Mask:
    """Whether a step and its reads differ by rounding alone: half a Wh a read, and what the register does not show."""
    within: Mask = 2 * np.abs(differences_wh) <= np.count_nonzero(inside, axis=1) + 2 * resolutions_wh
    return within


class Settled(NamedTuple):
    """Energy and FlagReason (0: measured) of the intervals inside a step; outside it they mean nothing."""

    wh: Wh
    reasons: Reasons


def settle(spans: Spans, largest_wh: int, *, fill_zeros: bool) -> Settled:
    """Replace spikes that the register disproves, fit estimates to it, and flag what it contradicts.

    Each interval inside that is not read must have an estimate. `fill_zeros` lets estimates that are all zero take
    energy, in even shares.
    """
    disproved = spans.suspect & _disproved(spans)[:, np.newaxis]
    holes: Mask = spans.inside & (~spans.read | disproved)
    shares, fits = _shares(spans, holes, largest_wh, fill_zeros=fill_zeros)
    # Where even that does not explain the step, measured values stay.
    holes &= ~spans.read | fits[:, np.newaxis]
    filled = np.where(fits[:, np.newaxis], shares, spans.estimates.wh)
    # Beside a gap the register cannot vouch for a suspected read: the gap may hold what it lacks.
    unvouched = spans.inside & spans.suspect & np.logical_or.reduce(holes, axis=1, keepdims=True)
    reasons = np.where(spans.read, np.where(unvouched, FlagReason.SPIKE, 0), spans.estimates.reasons)
    reasons[~holes & ~fits[:, np.newaxis]] = FlagReason.SUM
    return Settled(np.where(holes, filled, spans.wh), reasons.astype(np.uint8))


def _disproved(spans: Spans) -> Mask:
    """Steps whose reads are too high, and that leave the suspected ones no more than would not be suspected."""
    suspected = spans.inside & spans.suspect
    replaceable = ~(suspected & (spans.estimates.reasons == FlagReason.MISSING)).any(axis=1)
    others = (spans.wh * (spans.inside & ~spans.suspect)).sum(axis=1)
    everything = (spans.wh * spans.inside).sum(axis=1)
    left = spans.steps_wh - others
    unsuspected = np.where(suspected, spans.limits, 0).sum(axis=1)
    too_high = (everything > spans.steps_wh) & ~within_rounding(
        everything - spans.steps_wh, spans.resolutions_wh, spans.inside
    )
    disproved: Mask = replaceable & too_high & (left >= 0) & (left <= unsuspected)
    return disproved


def _shares(spans: Spans, holes: Mask, largest_wh: int, *, fill_zeros: bool) -> tuple[Wh, Mask]:
    """What the step leaves for its holes, in proportion to their estimates, by largest remainder; and whether it fits.

    It does not where a share would be negative or above `largest_wh`, or where all estimates are zero and may not
    be filled. What is negative by rounding alone is 0. Without holes, it fits if the reads agree with the step.
    """
    weights = np.where(holes, spans.estimates.wh, 0)
    if fill_zeros:
        weights += holes & (weights.sum(axis=1, keepdims=True) == 0)
    rest = spans.steps_wh - (spans.wh * (spans.inside & ~holes)).sum(axis=1)
    total = weights.sum(axis=1)
    rounding = within_rounding(rest, spans.resolutions_wh, spans.inside)
    possible: Mask = (total > 0) & ((rest >= 0) | rounding) & (rest <= largest_wh * np.count_nonzero(holes, axis=1))
    shared = np.where(possible, np.maximum(rest, 0), 0)
    shares, remainders = np.divmod(weights * shared[:, np.newaxis], np.maximum(total, 1)[:, np.newaxis])
    ranks = np.argsort(np.argsort(-remainders, axis=1, kind="stable"), axis=1)
    shares += ranks < (shared - shares.sum(axis=1))[:, np.newaxis]
    fits: Mask = np.where(total > 0, possible & (shares.max(axis=1, initial=0) <= largest_wh), rounding)
    return shares, fits
