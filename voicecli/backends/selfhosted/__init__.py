"""Local servers, each at an address of its own: SenseVoice's ears, a chat server, a voice that clones.

`asr_url`   ears.py    POST /asr (one answer), /asr/stream (lines, each replacing the one before, the last is
                       final), or SenseVoice's own POST /api/v1/asr when the address ends with that path
`chat_url`  chat_server.py    POST /api/chat (one answer), /api/chat/stream (lines), GET /health
`tts_url`   cloning_voice.py   POST /synthesize (a WAV, after the whole synthesis), GET /health
`embedding_url`  vectors.py   POST /MODEL (vectors; GET /MODEL/TEXT where a server lacks it), /similarity, /rerank

An address may end with one of these paths: then only that one is asked. Otherwise the streamed path is
asked first, and the whole one where a server lacks it.
"""
