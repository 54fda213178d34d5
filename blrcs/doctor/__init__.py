"""Looks for what is unsafe in a configuration and in what is stored.

``examination.py`` asks one module for each kind of danger; each gives findings and changes nothing.
"""
