"""Noise of differentially private totals: a function of a half's noise key, the members, the day and the interval."""
