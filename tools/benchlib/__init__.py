"""What tools/bench and tools/demo are made of; each module's docstring says what it holds."""
