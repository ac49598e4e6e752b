"""What voicecli does for whoever asks, without flags and without a console: Services in, data out."""
