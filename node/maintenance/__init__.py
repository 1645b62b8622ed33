"""Substrate's chain commands: blocks checked, exported and imported, states exported, chains reverted and purged.

They work on the database of a base path while no node has it open. Mirrors `sc_cli::commands` and
`sc_service::chain_ops`.
"""
