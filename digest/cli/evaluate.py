"""The command that measures the ranking: on a folder of papers and likes, or on the operator's own log."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from digest.cli.state import Json, print_json, print_lines, progress, state
from digest.errors import UsageError

if TYPE_CHECKING:  # heavy
    from digest.pipeline.vector_store import KeptEncoder

# The figures' headings; the first counts most, since a digest is about twenty papers.
FIGURES = {"ndcg@20": "nDCG@20", "recall@20": "recall@20", "recall@100": "recall@100", "mrr": "MRR"}
MAIN = "ndcg@20"
OURS = "digest"


Folder = Annotated[
    Path | None, typer.Argument(metavar="DIR", help="Has papers.jsonl.gz, likes.tsv and candidates.txt.")
]
Own = Annotated[bool, typer.Option("--own", help="Use what your own readers rated and saved.")]
Rankings = Annotated[
    Path | None, typer.Option("--rankings", metavar="FILE", help="Write our lists: user, paper, rank.")
]
Mode = Annotated[
    Literal["auto", "single", "all"],
    typer.Option("--mode", help="With nobody else's likes, with everybody's, or what suits the data."),
]
ProfileSize = Annotated[
    int | None,
    typer.Option("--profile-size", metavar="K", min=1, help="Let ranked readers have K likes only."),
]
Users = Annotated[
    Path | None, typer.Option("--users", metavar="FILE", help="Rank for these readers only, one a line.")
]
Baseline = Annotated[
    list[str] | None,
    typer.Option(
        "--baseline",
        metavar="NAME",
        help="Compare with popularity, bm25, centroid, svm, logistic or all; may be given several times.",
    ),
]
Embeddings = Annotated[
    str | None,
    typer.Option(
        "--embeddings",
        metavar="MODEL",
        help="Let a text model see the papers too: its folder or name; for --own it is the one that is set.",
    ),
]


def register(cli: typer.Typer) -> None:
    """Add this module's command to the tree."""
    cli.command("evaluate")(evaluate)


def evaluate(
    context: typer.Context,
    folder: Folder = None,
    own: Own = False,
    rankings: Rankings = None,
    mode: Mode = "auto",
    profile_size: ProfileSize = None,
    users: Users = None,
    baseline: Baseline = None,
    embeddings: Embeddings = None,
    as_json: Json = False,
) -> None:
    """Measure the ranking: nDCG, recall and MRR with 95 % intervals, beside known methods."""
    if (folder is None) != own:
        raise UsageError("name a folder, or --own, and not both")
    if own and (rankings or profile_size or users):
        raise UsageError("--rankings, --profile-size and --users go with a folder, not with --own")
    with progress("Evaluating") as say:
        if folder is None:
            from digest.pipeline.evaluate_own import evaluate_own

            here = state(context)
            encoder = _text_model(embeddings) or here.app.text_model
            if encoder is not None:
                encoder.open()
            result = evaluate_own(
                here.app.database,
                here.moment(),
                mode=mode,
                baselines=baseline or (),
                encoder=encoder,
                progress=say,
            )
            if encoder is not None:
                encoder.save()
        else:
            from digest.pipeline.evaluate import evaluate_folder

            result = evaluate_folder(
                folder,
                users=users,
                profile_size=profile_size,
                rankings=rankings,
                mode=mode,
                baselines=baseline or (),
                encoder=_text_model(embeddings),
                progress=say,
            )
    print_json(result) if as_json else _print(result)


def _text_model(setting: str | None) -> "KeptEncoder | None":
    """The text model asked for, loaded; what it makes is not kept. Raises ``ConfigError``."""
    if setting is None:
        return None
    from digest.pipeline.text_model import TextModel
    from digest.pipeline.vector_store import KeptEncoder

    found = KeptEncoder(TextModel(setting), None)
    found.open()
    return found


def _print(result: Mapping[str, Any]) -> None:
    if result.get("enough") is False:
        print_lines(f"There is too little to tell: {result['reason']}.")
        return
    if "split" in result:
        print_lines(
            f"Learnt from what was said up to {result['split']}, for {result['candidates']:,} papers since.",
            "What was never shown counts as not liked, so hold the methods against each other only.",
        )
    others = "everybody's likes" if result["mode"] == "all" else "nobody else's likes"
    print_lines(f"{result['readers']:,} readers, with {others} (mode {result['mode']})", "")
    methods = {OURS: result, **result.get("baselines", {})}
    ahead = f" Ahead: nDCG@20 of {OURS} less theirs, paired." if len(methods) > 1 else ""
    print_lines(*_table(methods), "", f"In brackets: 95 % intervals over readers.{ahead}")
    for key in ("section", "rank"):
        if f"{key}s" in result:
            print_lines("", *_sent(result[f"{key}s"], key))


def _table(methods: Mapping[str, Mapping[str, Any]]) -> list[str]:
    ahead = ("ahead",) if len(methods) > 1 else ()
    rows = [("", *FIGURES.values(), *ahead, "ms a reader", "fit s", "MB")]
    for name, found in methods.items():
        figures = [_interval(found[figure], 4 if figure == MAIN else 3) for figure in FIGURES]
        if ahead:
            figures.append(_interval(found["difference"], 4, "+") if "difference" in found else "")
        costs = (f"{found['cpu_ms_per_reader']:.2f}", f"{found['fit_s']:.1f}", f"{found['peak_mb']:,.0f}")
        rows.append((name, *figures, *costs))
    return _aligned(rows, right=3)


def _interval(estimate: Sequence[float], digits: int, sign: str = "") -> str:
    mean, low, high = (f"{value:{sign}.{digits}f}" for value in estimate)
    return f"{mean} [{low}, {high}]"


def _sent(rows: Sequence[Mapping[str, Any]], name: str) -> list[str]:
    """How much of what was sent was rated well, by section or by rank."""
    heads = (f"by {name}", "sent", "rated well", "rated badly")
    table = [heads]
    for row in rows:
        well, badly = (f"{row[kind]:,} ({row[kind] / row['sent']:.1%})" for kind in ("well", "badly"))
        table.append((row[name], f"{row['sent']:,}", well, badly))
    return _aligned(table, right=3)


def _aligned(rows: Sequence[Sequence[str]], *, right: int) -> list[str]:
    """Columns as wide as their longest cell, the last ``right`` of them flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    first_right = len(widths) - right
    lines = []
    for row in rows:
        cells = (
            cell.rjust(width) if at >= first_right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
    return lines
