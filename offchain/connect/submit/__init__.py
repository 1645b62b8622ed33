"""Submitting to chains that others serve: `fathom submit`.

What is to be signed is written by our codec, and read again by scalecodec before anybody signs it; what it would do is
tried where the chain offers that; then its life is followed to finality.
"""
