"""Providers for Rotator that are not Rotator's own: one file each."""
