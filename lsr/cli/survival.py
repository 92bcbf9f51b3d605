"""Survival from patients' times, and patients from a published curve: `lsr survival`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lsr.cli.app import app
from lsr.cli.common import Json, out, percent, print_json, say, table

if TYPE_CHECKING:
    from analysis.survival_summary import Wanted

NOT_REACHED = "not reached"


@app.command()
def survival(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="Patients: study,time,event[,patient][,group][,transplant,transplant_time][,reconstructed].",
        ),
    ] = None,
    at: Annotated[str, typer.Option("--at", metavar="TIMES", help="Read the curves at these times: 6,12,24.")] = "",
    tau: Annotated[float | None, typer.Option("--tau", help="Restricted mean up to this time.")] = None,
    by: Annotated[str, typer.Option("--by", metavar="group", help="Compare the groups of this column.")] = "",
    landmark: Annotated[
        float | None, typer.Option("--landmark", metavar="T", help="Transplant: compare from time T on.")
    ] = None,
    mantel_byar: Annotated[
        bool, typer.Option("--mantel-byar", help="Transplant as a state that begins with it.")
    ] = False,
    interval: Annotated[
        str, typer.Option("--interval", help="Scale of the intervals: log-log, log or plain.")
    ] = "log-log",
    curve: Annotated[
        Path | None, typer.Option("--curve", metavar="POINTS", help="Reconstruct: points time,survival of a curve.")
    ] = None,
    at_risk: Annotated[
        Path | None, typer.Option("--at-risk", metavar="RISK", help="Numbers at risk under that curve: time,n.")
    ] = None,
    events: Annotated[int | None, typer.Option("--events", help="Events, where the report prints them.")] = None,
    median: Annotated[float | None, typer.Option("--median", help="Median, where the report prints it.")] = None,
    study: Annotated[str, typer.Option("--study", help="Name of the study reconstructed.")] = "",
    group: Annotated[str, typer.Option("--group", help="Its group, if the curve is one of several.")] = "",
    target: Annotated[
        Path | None, typer.Option("--out", help="Write the reconstructed patients here instead of printing them.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Kaplan-Meier, log-rank and Cox from patients' times; no review needed.

    Times are in the file's own unit, from its own time zero. Several studies: tests are stratified by study, the
    pooled curve is descriptive. Transplanted against not is compared by --landmark or --mantel-byar only.

    Example: lsr survival patients.csv --at 6,12 --tau 24 --by group

    A published curve becomes patients, marked as reconstructed, if they give back what the report prints:

    Example: lsr survival --curve points.csv --at-risk risk.csv --events 31 --median 8.4 --out patients.csv
    """
    if (file is None) == (curve is None) or (curve is None) != (at_risk is None):
        raise typer.BadParameter("say FILE, or --curve POINTS with --at-risk RISK")
    if file is not None and (study or group or target or events is not None or median is not None):
        raise typer.BadParameter("--events, --median, --study, --group and --out go with --curve")
    if curve is not None and (at or by or mantel_byar or tau is not None or landmark is not None):
        raise typer.BadParameter("--curve writes patients; give these to lsr survival again for the rest")
    if curve is not None and at_risk is not None:
        _reconstruct(curve, at_risk, events, median, study or curve.stem, group, target, as_json)
    elif file is not None:
        _summary(file, _wanted(at, tau, by, landmark, mantel_byar, interval), as_json)


def _wanted(at: str, tau: float | None, by: str, landmark: float | None, mantel_byar: bool, interval: str) -> Wanted:
    """The options, checked."""
    from analysis.landmark import refuse_naive
    from analysis.survival_summary import Wanted
    from analysis.textfile import decimal

    if by.casefold().startswith("transplant"):
        refuse_naive()
    if by not in ("", "group"):
        raise typer.BadParameter("--by takes group")
    if interval not in ("log-log", "log", "plain"):
        raise typer.BadParameter("--interval takes log-log, log or plain")
    times = [decimal(cell.strip()) for cell in at.split(",")] if at else []
    if None in times:
        raise typer.BadParameter("--at takes times such as 6,12,24")
    known = tuple(time for time in times if time is not None)
    return Wanted(known, tau, bool(by), landmark, mantel_byar, interval)  # type: ignore[arg-type]  # checked above


def _summary(file: Path, wanted: Wanted, as_json: bool) -> None:
    from analysis.patients import read_patients
    from analysis.survival_summary import summarise

    found = summarise(read_patients(file), wanted)
    if as_json:
        print_json({"file": file.name, **found})
        return
    out(_curves(found["curves"]))
    first = found["curves"][0]
    out(f"{first['level']:.0%} CI of survival and median: {first['interval']} scale, Greenwood's variance")
    if "comparison" in found:
        out(_comparison("by group", found["comparison"]))
    if "landmark" in found:
        _landmark(found["landmark"])
    if "mantel_byar" in found:
        _mantel_byar(found["mantel_byar"])
    for note in found["notes"] + _mean_notes(found["curves"]):
        say(f"Note: {note}.")


def _curves(curves: list[dict[str, Any]]) -> str:
    """One line for each curve: median, the times asked for, the restricted mean."""
    header = ["", "n", "events", "median", "95% CI"]
    first = curves[0]
    for point in first["at"]:
        header += [f"% at {point['time']:g}", "95% CI", "at risk"]
    if "restricted_mean" in first:
        header += [f"mean to {first['restricted_mean']['tau']:g}", "SE"]
    return table([_line(curve) for curve in curves], tuple(header))


def _mean_notes(curves: list[dict[str, Any]]) -> list[str]:
    """Where a restricted mean cannot be told, or rests on a curve drawn on beyond its last patient."""
    notes = []
    for curve in curves:
        mean = curve.get("restricted_mean", {})
        if "refused" in mean:
            notes.append(f"{curve['name']}: {mean['refused']}")
        elif mean.get("extended"):
            notes.append(f"{curve['name']}: nobody is followed to {mean['tau']:g}; the mean carries the curve on level")
    return notes


def _line(curve: dict[str, Any]) -> tuple[str, ...]:
    middle = next(q for q in curve["quantiles"] if q["prob"] == 0.5)
    name = f"{curve['name']} (descriptive)" if curve.get("descriptive") else curve["name"]
    cells = [name, str(curve["n"]), str(curve["events"]), _plain(middle["time"])]
    lower, upper = middle["lower"], middle["upper"]
    cells.append("–" if lower is upper is None else f"{_plain(lower)}–{_plain(upper)}")
    for point in curve["at"]:
        interval = "–" if point["lower"] is None else f"{percent(point['lower'])}–{percent(point['upper'])}"
        cells += [percent(point["surv"]), interval, str(point["n_risk"])]
    if "restricted_mean" in curve:
        mean = curve["restricted_mean"]
        cells += [f"{mean[key]:.4g}" if key in mean else "–" for key in ("mean", "se")]
    return tuple(cells)


def _comparison(title: str, found: dict[str, Any]) -> str:
    """The test, the hazard ratios, and why one of them is missing."""
    lines = []
    test, fit = found["logrank"], found["cox"]
    if test:
        strata = f", stratified by {test['strata']} studies" if test["strata"] > 1 else ""
        lines.append(
            f"{title}: log-rank chi2 {test['statistic']:.3f}, df {test['df']}, p {test['p_value']:.4f}{strata}"
        )
    for row in fit["levels"] if fit else ():
        low, high = row["hazard_ratio_ci"]
        ratio = f"{row['hazard_ratio']:.3f} ({low:.3g}–{high:.3g})"
        lines.append(f"{title}: hazard ratio {row['level']} v {fit['reference']} {ratio}")
    return "\n".join(lines + [f"{title}: {reason}" for reason in found["refused"]])


def _landmark(found: dict[str, Any]) -> None:
    out(
        f"\nLandmark at {found['at']:g}: {found['n']} patients; left out: {found['event_before']} with the event"
        f" and {found['censored_before']} censored until then; transplanted later, counted as not:"
        f" {found['transplanted_later']}"
    )
    out(_curves([{"name": name, **body} for name, body in found["curves"].items()]))
    say("Note: times of the landmark's curves count from the landmark.")
    out(_comparison("landmark", found["comparison"]))


def _mantel_byar(found: dict[str, Any]) -> None:
    states = zip(("without", "with"), found["events"], found["time_at_risk"], strict=True)
    parts = [f"{events} events in {time:.6g} {state}" for state, events, time in states]
    out(f"\nMantel-Byar: {found['n']} patients, {found['transplanted']} transplanted; {', '.join(parts)}")
    out(_comparison("Mantel-Byar", found["comparison"]))


def _reconstruct(
    points: Path,
    risk: Path,
    events: int | None,
    median: float | None,
    study: str,
    group: str,
    target: Path | None,
    as_json: bool,
) -> None:
    from analysis.curvefiles import patients_csv, read_points, read_risk
    from analysis.guyot import reconstruct
    from analysis.survival_summary import curve_values

    time, height = read_points(points)
    risk_time, counts = read_risk(risk)
    found = reconstruct(time, height, risk_time, counts, events=events, median_printed=median)
    text = patients_csv(found, study, group)
    if target is not None:
        _write(target, text)
    if as_json:
        body = {"max_distance": found.max_distance, "bend": found.bend, "events_printed": events}
        rows = {"time": found.time.tolist(), "event": found.event.tolist()}
        print_json({"study": study, "reconstructed": True, **body, "patients": rows, **curve_values(found.curve)})
    elif target is None:
        out(text.rstrip("\n"))
    say(
        f"Reconstructed (Guyot 2012): {found.curve.n} patients, {found.curve.events} events, median"
        f" {_plain(found.median)}; at most {found.max_distance:.3f} from the points read"
    )
    if events is None:
        say("Note: the number of events is not printed, so it rests on the rate of censoring before the last interval.")


def _write(target: Path, text: str) -> None:
    from db.errors import InputError

    try:
        target.write_text(text, "utf-8", newline="")
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror}); check the path") from error


def _plain(value: float | None) -> str:
    return NOT_REACHED if value is None else f"{value:.4g}"
