"""Private smart-meter analytics: encrypted neighborhood totals, opened only as the rules permit."""

__version__ = "0.1.0"
