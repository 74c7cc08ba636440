"""May they? Pure: the same application and policies give the same verdict.

"Policy" alone is always ours. Microsoft's is an *enrollment policy*, X.509's a *certificate policy*.
"""
