"""Scenes and their mask to one clear image."""
