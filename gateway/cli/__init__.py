"""The commands of `ces-gateway`: thin."""
