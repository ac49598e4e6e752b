"""The world of services: one room per family, a registry, and the shared transports."""
