"""Moments of a run that one goes to, and a store held still at one."""
