"""fontmilld: the render service. Imports go downstairs only; docs/architecture.md draws the house."""
