"""What was sent to the CAs, and what became of it: kept in the shared state, so that nothing is sent twice blindly."""
