"""What am4cm understands of stacks, masks, prepared data and weights: facts, and tables of them."""
