"""Sheets at the bottom: questions, text to read, history."""
