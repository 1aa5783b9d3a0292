"""The queues where they lie in RabbitMQ, which tells how much waits; Redis says which copy counts."""
