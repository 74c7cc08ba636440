"""The clients' side: listeners, TLS, HTTP, and the management listener."""
