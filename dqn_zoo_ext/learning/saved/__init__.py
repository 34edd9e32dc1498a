"""What a checkpoint holds of the learning: the state of a model, rows of its replay, random generators."""
