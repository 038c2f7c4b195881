"""From downloads to frames and annotation lists. Import what is needed from the modules."""
