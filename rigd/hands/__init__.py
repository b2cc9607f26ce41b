"""What hands and feet do: controls, gestures, faders, and what they are bound to. Pure."""
