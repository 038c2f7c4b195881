"""The loops of training, validation and tests."""
