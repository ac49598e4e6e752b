"""Recognition: OpenAI's shape, the local recogniser's, and the cloud's (a body of bytes).

Belongs here: uploads to a use case, transcripts to the formats asked for. Does not belong here: planning and cutting.
"""

from fastapi import APIRouter

router = APIRouter()
