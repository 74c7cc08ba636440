"""The template catalogue, kept: its file, and the asking for what is to be in it."""
