"""What must be remembered and shared: entries of tables, and budgets. In memory, in SQLite, or in Redis.

No I/O libraries beyond this package; what is kept, and what it means, is the business of those who keep it.
"""
