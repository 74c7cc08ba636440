"""The Microsoft side: the internal CES and CEP.

What goes inside is rendered from values that the gateway has judged. Nothing of a client's message, headers or
connection is passed on.
"""
