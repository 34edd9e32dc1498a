"""Checkpoints for exact resume, and the files that they are made of."""
