"""Pictures and masks: files, pixel modes, arrays of any kind, pairs, drawn masks and scenes."""
