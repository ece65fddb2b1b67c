"""`wattseal bench`: what each scheme costs on this machine, beside what one would use instead, in one run.

Above all roles, because it measures each of them; nothing imports it. Single claims of the documentation are measured
in the repository's own `bench/`, with the same timing.
"""
