"""The recorder: reads the durable stream and writes history."""
