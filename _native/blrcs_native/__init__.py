"""The native core of BLRCS: the parts of a call's road that run as compiled code.

It imports nothing of ``blrcs``: whoever uses it hands it plain values.
"""
