"""A model behind a web page and an HTTP interface, within limits: ``st-abn serve``."""
