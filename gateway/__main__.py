"""`python -m gateway`: the same as the console script `ces-gateway`."""

from gateway.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
