"""Configuration: YAML files and the command line, merged into frozen, checked dataclasses that know their sources."""
