"""`python -m gateway`: the same as the console script `ces-gateway`."""


def main() -> int:
    """Placeholder until `gateway.cli` stands."""
    return 2


if __name__ == "__main__":
    raise SystemExit(main())
