"""From the emulators' screens to what the agent sees."""
