"""A policy-enforcing gateway in front of Microsoft's Certificate Enrollment Web Services."""

__version__ = "0.1.0"
