"""Texts read aloud: to the ear, into a file, or through a pipe. Nothing here knows flags or a console."""
