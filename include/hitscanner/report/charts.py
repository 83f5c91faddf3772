"""
The three plots beside the map: round-trip times, path lengths, degrees.

A chart is Plotly's JSON without colours (the page gives them, light or dark), with the words that
say the same to who cannot see it.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from plotly import graph_objects

from hitscanner.report.summary import Summary
from hitscanner.report.tables import Answers
from hitscanner.report.terminal import format_ms

CURVES_SHOWN = 8
"""More vantage points than this cannot be told apart by colour; then one curve shows them all."""

FEW_HOPS = 12
"""Up to this spread of path lengths each gets its tick; Plotly would invent halves of hops."""

EVERYONE = "all vantage points"


@dataclass(frozen=True)
class Chart:
    """A plot, its title, and what it says in words."""

    name: str
    title: str
    says: str
    figure: dict[str, Any]


def draw_rtts(summary: Summary) -> Chart:
    """Draw which share of the reached destinations answered within a time, by vantage point."""
    curves = []
    for name, answers in _curves(summary):
        shares = list(range(len(answers.rtt_quantiles_ms)))
        times = [round(rtt_ms, 3) for rtt_ms in answers.rtt_quantiles_ms]
        template = "%{y} % within %{x:.3~s} ms"
        curves.append(_line(name, times, shares, template))
    figure = _figure(curves, "round-trip time, ms", "destinations answered, %", x_type="log")
    quantiles = summary.everyone.rtt_quantiles_ms
    says = "No destination answered."
    if quantiles:
        says = (
            f"Half of the {summary.everyone.reached:,} destinations that answered did so within "
            f"{format_ms(quantiles[50])}, nine in ten within {format_ms(quantiles[90])}."
        )
    return Chart("rtts", "Round-trip time to the destinations", says, figure)


def draw_lengths(summary: Summary) -> Chart:
    """Draw how many hops away the reached destinations are, by vantage point."""
    curves = []
    for name, answers in _curves(summary):
        hops = [length for length, _ in answers.path_lengths]
        shares = [round(100 * n / answers.reached, 2) for _, n in answers.path_lengths]
        curves.append(_line(name, hops, shares, "%{x} hops: %{y:.1f} %", shape="hvh"))
    figure = _figure(curves, "hops to the destination", "destinations reached, %")
    figure["layout"]["yaxis"]["rangemode"] = "tozero"
    spread = summary.everyone.path_lengths
    if spread and spread[-1][0] - spread[0][0] <= FEW_HOPS:
        figure["layout"]["xaxis"]["dtick"] = 1
    return Chart("lengths", "Path length", _lengths_in_words(summary.everyone), figure)


def _lengths_in_words(everyone: Answers) -> str:
    if not everyone.path_lengths:
        return "No destination answered."
    usual, _ = max(everyone.path_lengths, key=lambda pair: (pair[1], -pair[0]))
    least, most = everyone.path_lengths[0][0], everyone.path_lengths[-1][0]
    return f"Paths to destinations have {least} to {most} hops; {usual} is the commonest length."


def draw_degrees(degrees: Counter[int]) -> Chart:
    """Draw which share of the router addresses has at least so many neighbours."""
    total, left = degrees.total(), degrees.total()
    numbers, shares = [], []
    for number in sorted(degrees):
        numbers.append(number)
        shares.append(round(100 * left / total, 4))
        left -= degrees[number]
    trace = graph_objects.Scatter(
        x=numbers,
        y=shares,
        mode="markers",
        name=EVERYONE,
        meta=EVERYONE,
        hovertemplate="%{y:.3~g} % have %{x} neighbours or more<extra></extra>",
    )
    figure = _figure([trace], "neighbours, this many or more", "router addresses, %", "log")
    figure["layout"]["yaxis"] |= {"type": "log", "dtick": 1}
    says = "No router address was seen."
    if numbers:
        says = (
            f"Of {total:,} router addresses {degrees[1]:,} have one neighbour; "
            f"the best connected has {numbers[-1]:,}."
        )
    return Chart("degrees", "Neighbours of router addresses", says, figure)


def _curves(summary: Summary) -> list[tuple[str, Answers]]:
    """Return what gets a curve: each vantage point that reached something, or all in one."""
    reaching = [(vp.name, vp.answers) for vp in summary.vantage_points if vp.answers.reached]
    if len(reaching) > CURVES_SHOWN:
        return [(EVERYONE, summary.everyone)]
    return reaching


def _line(
    name: str, x: list[Any], y: list[Any], template: str, shape: str = "linear"
) -> graph_objects.Scatter:
    return graph_objects.Scatter(
        x=x,
        y=y,
        mode="lines",
        name=name,
        meta=name,
        line={"width": 2, "shape": shape},
        hovertemplate=f"{template}<extra>{name}</extra>",
    )


def _figure(
    traces: list[graph_objects.Scatter], x_title: str, y_title: str, x_type: str = "linear"
) -> dict[str, Any]:
    ticks = {"dtick": 1} if x_type == "log" else {}
    layout = graph_objects.Layout(
        template=None,
        height=320,
        margin={"l": 56, "r": 12, "t": 8, "b": 48},
        xaxis={"title": {"text": x_title}, "type": x_type, "zeroline": False, **ticks},
        yaxis={"title": {"text": y_title}, "zeroline": False},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        showlegend=len(traces) > 1,
        hovermode="closest",
    )
    figure: dict[str, Any] = graph_objects.Figure(data=traces, layout=layout).to_plotly_json()
    return {"data": figure["data"], "layout": figure["layout"]}
