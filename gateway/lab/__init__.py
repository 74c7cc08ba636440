"""The embedded lab: a throw-away CA with CES and CEP that speak the real protocols by their own code.

For `ces-gateway lab` and tests only: the gateway never imports it, and it imports nothing of the gateway's codecs, so
that a misreading of the standard on one side is not mirrored on the other. Start at `world` and `server`.
"""
