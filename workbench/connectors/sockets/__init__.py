"""Sockets: addresses that listen or connect, and who speaks there."""
