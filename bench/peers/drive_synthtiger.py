"""Text lines from SynthTIGER through a template that does the least: one text layer on white, saved as PNG."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import synthtiger
from driving import arguments, phrases
from PIL import Image
from synthtiger import layers, templates


class Plain(templates.Template):
    """256x64, black on white, 32 px per em."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.lines, self.fonts = config["lines"], config["fonts"]

    def generate(self) -> dict[str, Any]:
        """One picture and its label."""
        text = random.choice(self.lines)
        layer = layers.TextLayer(text, random.choice(self.fonts), 32, (0, 0, 0, 255))
        paper = layers.RectLayer((256, 64), (255, 255, 255, 255))
        layer.center = paper.center
        return {"text": text, "image": (layer + paper).output(bbox=paper.bbox)}

    def init_save(self, root: str) -> None:
        """Open the labels."""
        Path(root).mkdir(parents=True)
        self.labels = (Path(root) / "gt.txt").open("w", encoding="utf-8")

    def save(self, root: str, data: dict[str, Any], idx: int) -> None:
        """Write one picture."""
        Image.fromarray(data["image"][..., :3].astype(np.uint8)).save(Path(root) / f"{idx:06d}.png")
        self.labels.write(json.dumps({"file": f"{idx:06d}.png", "text": data["text"]}) + "\n")

    def end_save(self, root: str) -> None:
        """Close the labels."""
        self.labels.close()


def main() -> None:
    """In the main process; an error ends the run instead of being tried again for ever."""
    args = arguments()
    config = {"lines": phrases(args.words, args.images), "fonts": [str(f) for f in args.fonts]}
    template = Plain(config)
    template.init_save(str(args.out / "data"))
    for index, data in synthtiger.generator(__file__, "Plain", config=config, count=args.images, worker=0, seed=0, retry=False, verbose=True):
        template.save(str(args.out / "data"), data, index)
    template.end_save(str(args.out / "data"))


if __name__ == "__main__":
    main()
