"""Videos and folders of frames, with the model's windows held still over time. `av` (PyAV) is needed for videos."""
