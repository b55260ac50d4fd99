"""PASTIS: 2,433 patches of France with the crops of their fields, and folders laid out like it."""
