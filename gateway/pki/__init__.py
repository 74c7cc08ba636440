"""DER to what is asked for: certification requests, names, keys, certificates.

No I/O and no policy. A parser returns a frozen value or raises its own error, nothing else.
"""
