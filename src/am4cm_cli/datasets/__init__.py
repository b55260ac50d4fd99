"""Labelled data, brought to one prepared form: pixel series in folds."""
