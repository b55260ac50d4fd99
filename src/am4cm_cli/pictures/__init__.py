"""Contact sheets of a stack and its mask."""
