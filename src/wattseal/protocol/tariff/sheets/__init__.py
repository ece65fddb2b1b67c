"""Tariff sheets and lists of holidays that come with the package, as data."""
