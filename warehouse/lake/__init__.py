"""The columnar store: tables as contracts, snapshots, ledger, catalog, checks."""
