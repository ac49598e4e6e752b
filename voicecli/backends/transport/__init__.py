"""HTTP, WebSockets and streams: the one door to services, with limits, retries and masking."""
