"""How data get into the lake: sources and their parsers, transforms, the demo world. Imports `warehouse` only."""
