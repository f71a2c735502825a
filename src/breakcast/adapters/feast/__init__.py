"""Feast: where a cluster keeps its records, and their history."""
