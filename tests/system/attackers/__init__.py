"""Programs of two corrupt roles against the honest third. Each is given a directory with what the two have, and runs
as `python -m tests.system.attackers.NAME DIRECTORY`; its last line of output is JSON.
"""
