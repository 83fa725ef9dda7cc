"""Clients who open a reply stream and vanish leave nothing behind: no thread, socket, session or hold."""
