"""`python -m bench [MODULE ...]`: runs every measurement, or those that are named.

Those that take long, or cores for themselves, have arguments of their own: `python -m bench.million`, `bench.bill_run`,
`bench.ingest`, `bench.release`.
"""

import importlib
import pkgutil
import sys

import bench

_BY_THEMSELVES = ("bill_run", "ingest", "million", "release")


def main(names: list[str]) -> int:
    modules = [module.name for module in pkgutil.iter_modules(bench.__path__) if not module.name.startswith("_")]
    offered = [name for name in modules if name not in _BY_THEMSELVES and _has_main(name)]
    unknown = sorted(set(names) - set(offered))
    if unknown:
        print(f"no measurement is called {', '.join(unknown)}; there are {', '.join(offered)}", file=sys.stderr)
        return 2
    for name in names or offered:
        print(f"== {name}")
        importlib.import_module(f"bench.{name}").main()
    return 0


def _has_main(name: str) -> bool:
    return hasattr(importlib.import_module(f"bench.{name}"), "main")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
