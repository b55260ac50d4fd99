"""All pixel I/O: stacks read by window, masks written and read."""
