"""Bringing checkpoints of other code into this project's names."""
