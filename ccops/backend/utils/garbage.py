"""How often Python looks for reference cycles."""

from __future__ import annotations

import gc

# A request makes some hundred objects and hardly a cycle: at the default of 700 the collector ran with every
# second request, and cost a twentieth of it. Ten thousand are a few megabytes at most.
_NEW_OBJECTS = 10_000


def rarely_collect() -> None:
    """Leave modules and routes alone for ever, and look at what came since only now and then.

    To be called once, when everything is imported.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 10, 10)
