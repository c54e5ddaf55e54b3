"""The configuration floor: INI text to frozen dataclasses, every problem at once with file and line."""
