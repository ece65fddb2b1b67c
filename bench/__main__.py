"""`python -m bench [MODULE ...]`: runs every measurement, or those that are named."""

import importlib
import pkgutil
import sys

import bench


def main(names: list[str]) -> int:
    modules = [module.name for module in pkgutil.iter_modules(bench.__path__) if not module.name.startswith("_")]
    offered = [name for name in modules if hasattr(importlib.import_module(f"bench.{name}"), "main")]
    unknown = sorted(set(names) - set(offered))
    if unknown:
        print(f"no measurement is called {', '.join(unknown)}; there are {', '.join(offered)}", file=sys.stderr)
        return 2
    for name in names or offered:
        print(f"== {name}")
        importlib.import_module(f"bench.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
