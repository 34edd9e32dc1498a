"""Updates: one, many operation by operation or as a graph, and what is found in their numbers."""
