"""Brings records in: one module a source, all of one shape; parsers are pure functions of bytes."""
