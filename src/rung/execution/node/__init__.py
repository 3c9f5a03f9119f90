"""Nodes: what runs trials on other machines, and the connection between one and its coordinator."""
