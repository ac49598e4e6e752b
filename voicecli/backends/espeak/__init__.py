"""espeak-ng, called natively: the last resort of voices, and the sounds of words for better ones."""
