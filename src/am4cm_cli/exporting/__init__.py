"""Finished masks in other forms: per date, as binary masks, tables, cubes and catalogues."""
