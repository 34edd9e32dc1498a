"""Where environments stand, and how they are brought back there: by what they did, done again."""
