"""From files to a stack: scenes of one place on one grid, and where their pixels are."""
