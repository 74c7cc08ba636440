"""As whom the gateway goes inside: from an authenticated requester to a credential for the internal service."""
