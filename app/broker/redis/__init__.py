"""The queues where they lie in Redis: kombu's lists, read and changed atomically (Lua files stand beside)."""
