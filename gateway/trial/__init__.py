"""Policies tried before they count: on the examples in their files, on a request at hand, on what has been recorded."""
