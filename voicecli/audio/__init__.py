"""The world of sound. Pure rooms decide (pcm, endpointer, playout); edges touch files and devices."""
