"""``guerdon score``."""

from __future__ import annotations

import json as _json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guerdon.cli.output import UsageError, emit, plain, table

if TYPE_CHECKING:
    from guerdon.cli.progress import Progress
    from guerdon.grading.grader import Bound
    from guerdon.grading.output import Output
    from guerdon.grading.sources import Source
    from guerdon.grading.tally import Tally
    from guerdon.grading.work import Ended, See


def score(
    file: Path,
    /,
    *,
    with_: list[str] | None = None,
    completion: str | None = None,
    gold: str | None = None,
    prompt: str | None = None,
    id: str = "",
    group: str = "",
    gold_format: str = "",
    out: Path | None = None,
    report: Path | None = None,
    limit: int | None = None,
    batch: int = 256,
    resume: bool = False,
    strict: bool = False,
    keep_going: bool = False,
    allow_code: bool = False,
    dry_run: bool = False,
    plain: bool = False,
    quiet: bool = False,
    json: bool = False,
) -> int:
    """Score the rows of a file with rewards by name.

    A reward is written NAME or NAME:KEY=VALUE,KEY=VALUE. A key that is a signal names the column it is read from
    (a.b for inner ones, @words and @chars count the completion); any other key is a parameter with its value in YAML.
    Exit code 1 says that some rows could not be read, 3 that more than 20% could not be scored.

    Args:
        file: a JSONL, JSON or parquet file, plain or gzipped.
        with_: a reward, such as numeric_close:gold=answer,relative=0.01; give the option again for more rewards.
        completion: column of the text to score; default completion.
        gold: column of the right answer; default gold.
        prompt: column of the prompt, for rewards that read it, and for the report.
        id: column that names a row; default id, else the number of the row.
        group: column that says which rows answer the same prompt, for rewards that compare them.
        gold_format: how the answer is cut out of a gold text that holds a whole solution: hash (GSM8K), boxed, …
        out: write one JSON line per row to this file.
        report: write a self-contained HTML page about the scores to this file.
        limit: score only so many rows.
        batch: rows scored at a time; 0 for all at once.
        resume: continue the file of --out where it stopped.
        strict: stop at the first row that cannot be read.
        keep_going: go on although more than 20% of the rows cannot be scored.
        allow_code: let a reward be your own code, by dotted path.
        dry_run: check rewards and columns, print what would be read from where, and stop.
        plain: lines instead of the live bar.
        quiet: print nothing but errors.
        json: print one JSON line per row with id, score, status and reason; all else goes to stderr.
    """
    from guerdon.grading.grader import Grader
    from guerdon.grading.sources import FileSource, peek

    named = {"completion": completion, "gold": gold, "prompt": prompt}
    grader = Grader(
        asked(with_, "guerdon score"), columns={k: v for k, v in named.items() if v}, id_column=id, group_column=group,
        gold_format=gold_format, allow_code=allow_code,
    )  # fmt: skip
    source = FileSource(file)
    bound = grader.bind(peek(source), str(file))
    job = Job(source, bound, out, batch, limit, resume, strict, keep_going, plain=plain, quiet=quiet, json=json)
    if dry_run:
        return job.plan()
    return job.finish(job.run(), report, again="the same command with --resume")


def asked(with_: list[str] | None, where: str) -> list[str]:
    """The rewards on the command line.

    Raises:
        UsageError: there is none.
    """
    if not with_:
        raise UsageError("no reward given", where=where, fix="--with answer_equal; guerdon list shows the names")
    return with_


@dataclass
class Job:
    """What ``score`` and ``rescore`` share: run, follow, sum up."""

    source: Source
    bound: Bound
    out: Path | None
    batch: int
    limit: int | None
    resume: bool
    strict: bool
    keep_going: bool
    plain: bool = False
    quiet: bool = False
    json: bool = False

    def plan(self) -> int:
        """Print what would be done."""
        from guerdon.grading.work import check

        check(self.bound, batch=self.batch, limit=self.limit, resume=self.resume)
        rewards = self.bound.describe()
        data = {"file": str(self.source.path), "rewards": rewards, "notes": self.bound.notes, "valid": True}
        if self.json:
            emit(data)
            return 0
        rows = [
            (r["label"], f"{r['weight']:g}", ", ".join(f"{s} from {c}" for s, c in r["columns"].items()),
             ", ".join(f"{k}={v}" for k, v in r["parameters"].items())) for r in rewards
        ]  # fmt: skip
        print(f"{self.source.path}: valid")
        print(table(rows, ("reward", "weight", "reads", "parameters")))
        print("\n".join(f"note: {n}" for n in self.bound.notes) or "", end="\n" if self.bound.notes else "")
        return 0

    def run(self, see: See | None = None) -> Ended:
        """Score everything; an interruption ends it after a batch."""
        from guerdon.cli.progress import progress
        from guerdon.grading import work
        from guerdon.grading.output import Output
        from guerdon.grading.sources import digest
        from guerdon.grading.tally import Tally

        work.check(self.bound, batch=self.batch, limit=self.limit, resume=self.resume)
        if self.resume and self.out is None:
            raise UsageError("--resume needs --out", where="guerdon score", fix="--out FILE, the one to continue")
        found = digest(self.source.path)
        output: Output | None = None
        if self.out is not None:
            asked = work.request(self.bound, found, batch=self.batch, limit=self.limit)
            output = Output(self.out, asked, resume=self.resume)
        total = found.rows if self.limit is None else min(self.limit, found.rows or self.limit)
        shown = progress(total, plain=self.plain, quiet=self.quiet, json=self.json)
        for note in (*self.bound.notes, *(output.notes if output else ())):
            shown.say(f"note: {note}")
        tally = Tally()
        try:
            with work.Stop(shown.say) as stop:
                return work.run(
                    self.source, self.bound, output=output, batch=self.batch, limit=self.limit, strict=self.strict,
                    keep_going=self.keep_going, see=self._see(shown, tally, see), stop=lambda: stop.asked, tally=tally,
                )  # fmt: skip
        finally:
            shown.close()
            if output is not None:
                output.close()

    def _see(self, shown: Progress, tally: Tally, more: See | None) -> See:
        def see(rows: Sequence[tuple[Any, Any]], old: bool) -> None:
            if self.json:
                lines = [
                    {"id": g.id, "score": g.score, "status": g.status.name.lower(), "reason": g.reason} for _, g in rows
                ]
                sys.stdout.write("".join(_json.dumps(plain(d), ensure_ascii=True) + "\n" for d in lines))
                sys.stdout.flush()
            if more is not None:
                more(list(rows), old)
            shown.show(tally)

        return see

    def finish(self, ended: Ended, report: Path | None, *, again: str, more: Sequence[str] = ()) -> int:
        """Print the account, write the page, and tell the exit code.

        Raises:
            Interrupted, MachineError, DataError: the work did not come to its end.
        """
        from guerdon.errors import Interrupted, MachineError
        from guerdon.grading.tally import STOP

        lines = [*summary(ended.tally), *more]
        if self.out is not None:
            lines.append(f"wrote {self.out}")
        if report is not None:
            from guerdon.report.scores import build

            build(ended.tally, self.bound.describe(), str(self.source.path), report)
            lines.append(f"wrote {report}")
        if not self.quiet:
            print("\n".join(lines), file=sys.stderr if self.json else sys.stdout)
        kept = f"{again} goes on from here" if self.out is not None else "with --out the scores are kept on disk"
        tally = ended.tally
        if ended.how == "interrupted":
            raise Interrupted(f"stopped after {tally.n} rows; their scores are complete", fix=kept)
        if ended.error is not None:
            raise ended.error
        if ended.how == "unscored":
            _, cause, count = next((c for c in tally.causes() if c[0] == "unscored"), ("", "no reason given", 0))
            raise MachineError(
                f"{tally.unscored_share:.1%} of the rows could not be scored, more than {STOP:.0%}",
                where=str(self.source.path), seen=f"{count} x {cause}",
                fix=f"mend the cause and score again, or --keep-going; {kept}",
            )  # fmt: skip
        return 1 if tally.bad else 0


def summary(tally: Tally) -> list[str]:
    """The account for reading."""
    from guerdon.grading.tally import STOP, WARN

    states = tally.states
    parts = [f"{states['scored']:,} scored", f"{states['failed']:,} failed", f"{states['unscored']:,} unscored"]
    lines = [f"{tally.n:,} rows: {', '.join(parts)}" + (f", {tally.bad:,} bad" if tally.bad else "")]
    columns = {"score": tally.score, **tally.aspects} if len(tally.aspects) > 1 else tally.aspects
    rows = []
    for name, m in columns.items():
        found = m.interval()
        spread = "" if math.isnan(found.low) else f"[{found.low:.3f}, {found.high:.3f}]"
        mean = "–" if math.isnan(found.estimate) else f"{found.estimate:.3f}"
        rows.append((name, mean, spread, m.n, *(m.states[s] for s in ("failed", "unscored"))))
    if rows:
        lines += ["", table(rows, ("reward", "mean", "95% interval", "n", "failed", "unscored"))]
    found_causes = tally.causes(10)
    if found_causes:
        lines += ["", table([(n, s, c) for s, c, n in found_causes], ("rows", "status", "cause"))]
    if tally.first_bad:
        lines += ["", *tally.first_bad[:5]]
    if tally.unscored_share > WARN:
        limit = f"; over {STOP:.0%} ends the work" if tally.unscored_share <= STOP else ""
        lines += ["", f"warning: {tally.unscored_share:.1%} of the rows could not be scored{limit}"]
    return lines
