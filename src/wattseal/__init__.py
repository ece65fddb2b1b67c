"""Private smart-meter analytics: encrypted neighborhood totals, opened only as the rules permit."""
