"""Drawings and pages: one theme, one function for each kind of drawing, one shell around all pages."""
