"""The layers of a page, changed by its submit buttons: nothing is lost on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from django.http import QueryDict

from tocsin.kernel.errors import Refused
from tocsin.oncall.rules import Layer, layer_from
from tocsin.oncall.rules.values import LAYERS_MAX, RESTRICTIONS_MAX, SLOTS_MAX
from tocsin.web.forms import words
from tocsin.web.forms.layers import LayerDraft, read_layer
from tocsin.web.forms.windows import NUMBER_LENGTH_MAX, WindowDraft, count_of

Item = TypeVar("Item")


class Layers:
    """The layers on the page, changed by the buttons of the page."""

    def __init__(self, layers: list[LayerDraft]) -> None:
        self.drafts = layers

    @classmethod
    def read(cls, data: QueryDict) -> Layers:
        return cls([read_layer(data, f"layer-{n}") for n in range(count_of(data, "layers", LAYERS_MAX))])

    def change(self, do: str, fresh: LayerDraft) -> bool:
        """Carry out the button that was pressed; False when it is none of those that change layers."""
        verb, _, rest = do.partition(":")
        at = [int(each) for each in rest.split(":") if each.isdecimal() and len(each) <= NUMBER_LENGTH_MAX]
        if verb == "layer":
            if len(self.drafts) < LAYERS_MAX:
                self.drafts.append(fresh)
            return True
        change = _CHANGES.get(verb)
        if change is None:
            return False
        if at and at[0] < len(self.drafts):
            change(self, *at)
        return True

    def placed(self) -> list[LayerDraft]:
        """The layers with the names that their fields have on the page."""
        for n, layer in enumerate(self.drafts):
            for k, window in enumerate(layer.windows):
                window.at, window.removes = f"layer-{n}-window-{k}", f"window-remove:{n}:{k}"
        return self.drafts

    def values(self) -> list[Layer]:
        """The layers that make sense already."""
        found = []
        for draft in self.drafts:
            try:
                found.append(layer_from(draft.as_data()))
            except Refused:
                continue
        return found

    def blame(self, refused: Refused) -> bool:
        """Put a refusal beside the layer it is about; False when it is about none."""
        room, _, rest = refused.where.partition(".")
        number, _, within = rest.partition(".")
        if room != "layers" or not number.isdecimal() or int(number) >= len(self.drafts):
            return False
        self.drafts[int(number)].errors.append(_where(within) + words(refused))
        return True

    def up(self, n: int, *_: int) -> None:
        moved(self.drafts, n, n - 1)

    def down(self, n: int, *_: int) -> None:
        moved(self.drafts, n, n + 1)

    def move(self, n: int, to: int = 0, *_: int) -> None:
        moved(self.drafts, n, to)

    def remove(self, n: int, *_: int) -> None:
        del self.drafts[n]

    def slot(self, n: int, *_: int) -> None:
        """The person chosen is added while reading; this only keeps the page."""

    def nobody(self, n: int, *_: int) -> None:
        if len(self.drafts[n].slots) < SLOTS_MAX:
            self.drafts[n].slots.append([])

    def slot_move(self, n: int, m: int = 0, to: int = 0, *_: int) -> None:
        moved(self.drafts[n].slots, m, to)

    def slot_up(self, n: int, m: int = 0, *_: int) -> None:
        moved(self.drafts[n].slots, m, m - 1)

    def slot_down(self, n: int, m: int = 0, *_: int) -> None:
        moved(self.drafts[n].slots, m, m + 1)

    def without(self, n: int, m: int = 0, k: int = -1, *_: int) -> None:
        """Take a person out of a turn; the turn goes with its last person, and an empty one at once."""
        slots = self.drafts[n].slots
        if m >= len(slots):
            return
        if 0 <= k < len(slots[m]):
            del slots[m][k]
        if not slots[m]:
            del slots[m]

    def window(self, n: int, *_: int) -> None:
        if len(self.drafts[n].windows) < RESTRICTIONS_MAX:
            self.drafts[n].windows.append(WindowDraft())

    def window_remove(self, n: int, k: int = -1, *_: int) -> None:
        if 0 <= k < len(self.drafts[n].windows):
            del self.drafts[n].windows[k]


_CHANGES: Mapping[str, Callable[..., None]] = {
    "up": Layers.up,
    "down": Layers.down,
    "move": Layers.move,
    "remove": Layers.remove,
    "slot": Layers.slot,
    "nobody": Layers.nobody,
    "slot-move": Layers.slot_move,
    "slot-up": Layers.slot_up,
    "slot-down": Layers.slot_down,
    "without": Layers.without,
    "window": Layers.window,
    "window-remove": Layers.window_remove,
}


def moved(items: list[Item], at: int, to: int) -> None:
    """Put the item at `at` where `to` is; does nothing beyond the ends."""
    if 0 <= at < len(items) and 0 <= to < len(items):
        items.insert(to, items.pop(at))


def _where(within: str) -> str:
    """The part of a layer that a dotted path is about, as the page calls it."""
    part, _, rest = within.partition(".")
    number = rest.partition(".")[0]
    nouns = {"users": "Turn", "restrict": "Hours"}
    if part in nouns and number.isdecimal():
        return f"{nouns[part]} {int(number) + 1}: "
    return {"start": "First hand-over: ", "end": "End: ", "every": "Every: ", "timezone": "Time zone: "}.get(
        part, ""
    )
