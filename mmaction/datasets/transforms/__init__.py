"""The steps of a data pipeline."""
