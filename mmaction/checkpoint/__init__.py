"""Checkpoints: read as plain data, written whole, resumed exactly. Knows no runner."""
