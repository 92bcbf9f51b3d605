"""The review on disk: one SQLite file, an append-only ledger, and the only SQL of the project."""
