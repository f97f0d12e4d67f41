"""What the gate lets pass: right artefacts measured, defects judged, by the gate of today and the one before it."""
