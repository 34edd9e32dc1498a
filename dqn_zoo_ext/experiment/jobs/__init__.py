"""Runs as jobs: one run in a process of its own, here or on a cluster, and what came of it."""
