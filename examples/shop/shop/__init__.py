"""The notebooks of a small shop as assets, from one YAML."""
