"""Staging: a frame becomes one finished file outside every glob, with its rows, bounds and hash.

Any process may stage.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from pyarrow import parquet

from warehouse.errors import ContractBroken, FileBroken
from warehouse.lake.files import READ_ONLY, naming_a_full_disk, sha256_of, write_new
from warehouse.lake.layout import DRAFT, LakePaths
from warehouse.lake.manifest import FileEntry
from warehouse.lake.quarantine import put_in_quarantine
from warehouse.lake.tables import Partition, Sifted, Table, table

_HASH_LETTERS = 12


@dataclass(frozen=True)
class Staged:
    """One partition of one table, written and hashed, waiting to be published."""

    table: str
    partition: Partition
    draft: Path
    entry: FileEntry
    refused: int = 0


@dataclass(frozen=True)
class Staging:
    """One run's own place for drafts. It travels to other processes, so that any of them may stage for the run."""

    paths: LakePaths
    run_id: str

    @property
    def folder(self) -> Path:
        """Where the run's drafts lie until they are published or removed."""
        return self.paths.staging / self.run_id

    def stage(self, contract: Table, frame: pl.DataFrame, partition: Partition, *, sift: bool = False) -> Staged:
        """Write what a partition shall hold; the same rows give the same bytes.

        Rows that break a rule go to quarantine with it. They also stop the run, unless they are to be sifted out.
        """
        try:
            sifted = contract.sift(frame, partition)
        except ContractBroken as error:
            self._refuse(contract, frame.with_columns(pl.lit(str(error)).alias("rule")))
            raise
        if sifted.refused.height:
            self._refuse(contract, sifted.refused)
            if not sift:
                contract.admit(frame, partition)
        return self._write(contract, sifted, partition)

    def _write(self, contract: Table, sifted: Sifted, partition: Partition) -> Staged:
        content = _parquet(sifted.kept)
        digest = hashlib.sha256(content).hexdigest()
        draft = self.folder / contract.name / (partition.path.replace("/", "__") + DRAFT)
        with naming_a_full_disk(self.paths.root):
            write_new(draft, content)
        draft.chmod(READ_ONLY)
        first, last = _bounds(contract, sifted.kept)
        entry = FileEntry(
            path=f"{partition.path}/part-{digest[:_HASH_LETTERS]}.parquet",
            rows=sifted.kept.height,
            bytes=len(content),
            sha256=digest,
            first=first,
            last=last,
        )
        return Staged(contract.name, partition, draft, entry, refused=sifted.refused.height)

    def _refuse(self, contract: Table, refused: pl.DataFrame) -> None:
        put_in_quarantine(self.paths, table=contract.name, run_id=self.run_id, refused=refused)


def verify(staged: Staged) -> None:
    """Read a staged file back from the disk and refuse it when it is not what was written."""
    if sha256_of(staged.draft) != staged.entry.sha256:
        raise FileBroken(
            f"{staged.table} {staged.partition}: the staged file changed on its way to the disk",
            hint="run it again; if it stays so, check the disk",
        )
    stored = pl.read_parquet_schema(staged.draft)
    if stored != table(staged.table).schema:
        raise FileBroken(
            f"{staged.table} {staged.partition}: the staged file has other columns than the contract",
            hint="this is a defect of the writer",
        )


def _parquet(frame: pl.DataFrame) -> bytes:
    """Encode a frame: whole numbers and instants as packed differences, real numbers as they are, words by dictionary.

    Measured against dictionaries for all: dense candles 7 % smaller and a sixth less time to scan; fused minutes a
    sixth smaller and a fifth less time to write.
    """
    dtypes = frame.schema
    whole = [name for name, dtype in dtypes.items() if dtype.is_integer() or dtype.is_temporal()]
    buffer = io.BytesIO()
    parquet.write_table(
        frame.to_arrow(compat_level=pl.CompatLevel.oldest()),
        buffer,
        compression="zstd",
        compression_level=3,
        use_dictionary=[name for name, dtype in dtypes.items() if not dtype.is_float() and name not in whole],
        column_encoding=dict.fromkeys(whole, "DELTA_BINARY_PACKED"),
    )
    return buffer.getvalue()


def _bounds(contract: Table, frame: pl.DataFrame) -> tuple[str | None, str | None]:
    """Return the first and last instant of the file's main clock, as text."""
    clock = next(
        (name for name in ("ts_utc", "valid_utc", "issued_utc", "fitted_utc", "open_utc") if name in contract.schema),
        None,
    )
    if clock is None or frame.is_empty():
        return None, None
    ends = frame.select(pl.col(clock).min().alias("first"), pl.col(clock).max().alias("last")).row(0)
    return ends[0].isoformat(), ends[1].isoformat()
