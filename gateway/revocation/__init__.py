"""The configured certification authorities, with revocation lists that are kept current."""
