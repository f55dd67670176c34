"""How days are computed: by which engine, with how many paths, from which baseline. One recipe is one mc_version."""

from __future__ import annotations

from dataclasses import dataclass

from kwx.hazard.law import VERSION, Baseline
from kwx.hazard.question import Engine
from warehouse.errors import Usage

ENGINES = ("lattice", "simulate")
DEFAULT_PATHS = 4_000


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One way of computing a day; `baseline` None takes the best one at each evaluation, `paths` count where drawn."""

    engine: str = "lattice"
    paths: int = DEFAULT_PATHS
    baseline: Baseline | None = None

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise Usage(f"there is no engine {self.engine!r}", hint=f"engines: {' '.join(ENGINES)}")

    @property
    def mc_version(self) -> str:
        """The name of what it gives, e.g. v1_grid5_lattice, v1_grid5_paths4000_hold_last."""
        engine = self.engine if self.engine == "lattice" else f"paths{self.paths}"
        return f"{VERSION}_{engine}" + (f"_{self.baseline}" if self.baseline else "")

    @property
    def is_default(self) -> bool:
        """Tell whether this is the recipe to which pmf_minute belongs."""
        return self.mc_version == Recipe().mc_version

    def build(self) -> Engine:
        """Return the engine."""
        if self.engine == "simulate":
            from kwx.hazard.engines.simulate import Simulator

            return Simulator(paths=self.paths)
        from kwx.hazard.engines.lattice import Lattice

        return Lattice()
