"""Every service that speaks OpenAI's API: chat, transcriptions, speech, models, realtime, embeddings, pictures.

`family` says what it can; `adapter` joins the parts. Each part is a room of its own: `completions`, `transcriptions`,
`synthesis`, `catalog`, `embeddings`, `pictures` over HTTP, `realtime` over a WebSocket; `decoding`, `lessons`,
`schemas` and `realtime_session` are pure. Other families that answer in the same shapes take single parts.
"""
