"""Run the benchmarks: every one, or those whose name is given. Each checks that both sides give the same answer."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main(wanted: list[str]) -> int:
    """Run the benchmarks one after the other and print a table of each; 1 when a promise is broken."""
    sys.path.insert(0, str(HERE))
    from measure import report

    worst = 0
    for path in sorted(HERE.glob("bench_*.py")):
        name = path.stem.removeprefix("bench_")
        if wanted and name not in wanted:
            continue
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module  # annotations are looked up there
        spec.loader.exec_module(module)
        print(f"\n{name}: {module.__doc__.splitlines()[0]}")
        worst = max(worst, report(module.run()))
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
