"""What every role has at its edge: HTTP problems, tokens, limits, private files, process life. No rules."""
