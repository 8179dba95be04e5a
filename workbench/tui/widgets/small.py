"""What a window shows that is too small for a pane."""

from __future__ import annotations

from workbench.tui.line import Line
from workbench.tui.live import Live
from workbench.tui.text import wrap_words


class TooSmall(Live):
    """One sentence with the size that is and the size that is needed."""

    def build(self, cells: int) -> list[Line]:
        text = (
            f"This window is {self.app.size.width}×{self.app.size.height}; workbench needs 80×20. Make it larger: nothing stops meanwhile."
        )
        return [self.line(cells).put(part, self.palette.late) for part in wrap_words(text, max(8, cells))]
