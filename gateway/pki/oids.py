"""Object identifiers, by their RFC and Microsoft names."""
