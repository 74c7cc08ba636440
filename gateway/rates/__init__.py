"""How much of what anybody may have in which time, by budgets that all workers and replicas share."""
