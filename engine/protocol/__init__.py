"""The contract between engine, log and cockpit: frames, events, commands, messages, codec.

Specified for other languages in docs/protocol.md; pinned by golden bytes in tests/contract.
"""
