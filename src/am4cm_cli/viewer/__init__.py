"""A mask to look at: one page that needs no other file and no network."""
