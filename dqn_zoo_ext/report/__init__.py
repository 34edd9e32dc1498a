"""What a person looks at: videos of games."""
