"""The HTTP interface and the MCP server: the same pipeline for programs, bounded and safe to leave open."""
