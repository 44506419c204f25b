"""An invented folder of papers and likes: twelve fields, readers who each like one, new papers of all."""

import gzip
import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FIELDS = {
    "retrieval": "retrieval passage query document index dense sparse reranker corpus search recall lexical",
    "clouds": "point cloud segmentation lidar voxel scan scene mesh geometry indoor outdoor instance",
    "proteins": "protein folding residue structure sequence amino ligand enzyme docking mutation antibody",
    "speech": "speech audio acoustic phoneme speaker waveform vocoder transcription prosody microphone noise",
}
ENDINGS = ("a", "ban", "cor", "dum", "eth", "fin", "gor", "hul", "ist", "jun", "kar", "lo")
# More fields, of words that nobody uses: a word in more than a tenth of the papers says nothing to the SVM.
FIELDS |= {
    name: " ".join(f"{name}{ending}" for ending in ENDINGS)
    for name in ("mav", "nox", "pel", "quor", "rud", "sil", "tov", "vim")
}
COMMON = ("method", "results", "benchmark", "experiment", "model", "training", "data", "task", "analysis")
NAMES = list(FIELDS)


def paper(name: str, of: str) -> dict[str, Any]:
    """An invented paper of a field; the same name gives the same paper."""
    chance = random.Random(name)
    words = chance.choices(FIELDS[of].split(), k=12) + chance.choices(COMMON, k=18)
    chance.shuffle(words)
    return {"id": name, "title": " ".join(chance.sample(FIELDS[of].split(), 3)), "abstract": " ".join(words)}


@dataclass
class Invented:
    """What will be written: papers, candidates, rows of likes."""

    papers: list[Mapping[str, Any]] = field(default_factory=list)
    candidates: list[str] = field(default_factory=list)
    likes: list[tuple[str, str, str]] = field(default_factory=list)

    def write(self, folder: Path, *, header: bool = True) -> Path:
        """Write the three files."""
        folder.mkdir(parents=True, exist_ok=True)
        with gzip.open(folder / "papers.jsonl.gz", "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(one) + "\n" for one in self.papers)
        rows = ["user\tpaper\tsplit"] if header else []
        rows += ["\t".join(row) for row in self.likes]
        (folder / "likes.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        (folder / "candidates.txt").write_text("\n".join(self.candidates) + "\n", encoding="utf-8")
        return folder


def invent(readers: int = 8, known: int = 20, new: int = 8, liked: int = 6) -> Invented:
    """``known`` and ``new`` papers of each field; reader n likes field n modulo 12, new ones too."""
    made = Invented()
    for of in FIELDS:
        made.papers += [paper(f"{of}-old-{number}", of) for number in range(known)]
        made.papers += [paper(f"{of}-new-{number}", of) for number in range(new)]
    made.candidates = [f"{of}-new-{number}" for number in range(new) for of in FIELDS]
    for number in range(readers):
        chance, of = random.Random(number), NAMES[number % len(NAMES)]
        made.likes += _rows(number, of, "old", chance.sample(range(known), liked), "train")
        made.likes += _rows(number, of, "new", chance.sample(range(new), 3), "test")
    return made


def _rows(reader: int, of: str, age: str, numbers: Iterable[int], split: str) -> list[tuple[str, str, str]]:
    return [(f"reader{reader:02}", f"{of}-{age}-{number}", split) for number in numbers]
