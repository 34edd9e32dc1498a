"""What a run leaves on disk: its folder, its agents, its results."""
