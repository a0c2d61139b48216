"""Tells an address of the configuration that a conversation or an experiment has ended."""
