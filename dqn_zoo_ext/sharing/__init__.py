"""Agents to and from the Hugging Face Hub: what a package is, and the conversation with the Hub."""
