"""Whether the local ears and voice work, and which models are here. Belongs here: the check, the list of models."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from voicecli.backends.local.choosing import offered, serving, store
from voicecli.backends.local.ears import Ears
from voicecli.backends.local.mouth import LocalSpeaker
from voicecli.types import Backend, HealthReport


class LocalModels:
    """ModelCatalog and Health."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def models(self) -> Sequence[str]:
        """What is installed."""
        return [each.name for each in store(self._backend).installed()]

    async def check(self) -> HealthReport:
        """Loads the recogniser and names the voice. Raises what is wrong with them."""
        heard, spoken = await Ears(self._backend).check(), await LocalSpeaker(self._backend).check()
        detail = f"{heard} and {spoken} on sherpa-onnx {version('sherpa-onnx')}"
        model = None if serving(self._backend, "speak") else offered("speak", self._backend.language)
        if model:
            detail = f"{detail}; there is no voice on this machine yet: voice models pull {model.name}"
        return HealthReport(detail)
