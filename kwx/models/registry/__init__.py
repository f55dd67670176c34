"""Where fitted models are kept: as numbers and text with a card, never as code; promoted and taken back in one step."""
