#!/usr/bin/env python3
"""Draws how the cost of coding grows: growth_plot.py libslm/doc/growth.csv libslm/doc/growth.svg

Standard library only. The CSV is bench_growth's: coding, what is varied, its value, weights a second to encode and to decode. A panel for
each thing varied; encoding drawn in full, decoding dashed.
"""

import csv
import math
import sys

PANELS = [("size", "weights, tables made anew"), ("K", "K, bits of a seed"), ("P", "P, columns"), ("k", "k, bits a step (trellis)"),
          ("threads", "threads, by the clock")]
COLOURS = {"block": "#c04a10", "trellis": "#1660a8"}
NAMES = {"block": "around paper-4", "trellis": "around slm-4"}
WIDTH, HEIGHT, GAP, LEFT, TOP, BOTTOM = 250, 330, 26, 64, 44, 52


def power(value):
    """1e6 as 1 M."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


class Panel:
    def __init__(self, left, rows, low, high):
        self.left = left
        self.values = sorted({int(r["value"]) for r in rows})
        self.low, self.high = low, high

    def x(self, value):
        if len(self.values) == 1:
            return self.left + WIDTH / 2
        return self.left + 12 + self.values.index(value) / (len(self.values) - 1) * (WIDTH - 24)

    def y(self, rate):
        return TOP + (self.high - math.log10(rate)) / (self.high - self.low) * HEIGHT


def main():
    rows = list(csv.DictReader(open(sys.argv[1], newline="", encoding="utf-8")))
    rates = [float(r[c]) for r in rows for c in ("encode", "decode") if float(r[c]) > 0]
    low, high = math.floor(math.log10(min(rates))), math.ceil(math.log10(max(rates)))
    panels = [p for p in PANELS if any(r["varied"] == p[0] for r in rows)]
    total = LEFT + len(panels) * (WIDTH + GAP)
    out = [f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {total} {TOP + HEIGHT + BOTTOM}' font-family='sans-serif' font-size='12'>",
           f"<rect width='{total}' height='{TOP + HEIGHT + BOTTOM}' fill='white'/>"]
    for i, (coding, colour) in enumerate(COLOURS.items()):
        out.append(f"<text x='{LEFT + 150 * i}' y='20' fill='{colour}'>{NAMES[coding]}</text>")
    out.append(f"<text x='{LEFT + 300}' y='20' fill='#444'>weights a second: full line to encode, dashed to decode to F16</text>")
    for i, (varied, title) in enumerate(panels):
        chosen = [r for r in rows if r["varied"] == varied]
        panel = Panel(LEFT + i * (WIDTH + GAP), chosen, low, high)
        out.append(f"<g stroke='#ddd' fill='none'><rect x='{panel.left}' y='{TOP}' width='{WIDTH}' height='{HEIGHT}'/>")
        for exponent in range(low, high + 1):
            out.append(f"<path d='M{panel.left} {panel.y(10.0**exponent):.1f}h{WIDTH}'/>")
            if i == 0:
                out.append(f"<text x='{LEFT - 6}' y='{panel.y(10.0**exponent) + 4:.1f}' text-anchor='end' fill='#444' stroke='none'>{power(10.0**exponent)}</text>")
        out.append("</g>")
        for n, value in enumerate(panel.values):
            if len(panel.values) > 8 and n % 2:
                continue
            label = f"2^{value.bit_length() - 1}" if varied == "size" else str(value)
            out.append(f"<text x='{panel.x(value):.1f}' y='{TOP + HEIGHT + 17}' text-anchor='middle' fill='#444'>{label}</text>")
        out.append(f"<text x='{panel.left + WIDTH / 2}' y='{TOP + HEIGHT + 40}' text-anchor='middle' fill='#444'>{title}</text>")
        for coding, colour in COLOURS.items():
            for column, dash in (("encode", ""), ("decode", " stroke-dasharray='5 4'")):
                points = sorted((int(r["value"]), float(r[column])) for r in chosen if r["coding"] == coding and float(r[column]) > 0)
                if varied == "threads" and column == "decode":
                    continue  # decoding is measured on one
                path = "L".join(f"{panel.x(v):.1f} {panel.y(rate):.1f}" for v, rate in points)
                if path:
                    out.append(f"<path d='M{path}' fill='none' stroke='{colour}' stroke-width='1.6'{dash}/>")
                out += [f"<circle cx='{panel.x(v):.1f}' cy='{panel.y(rate):.1f}' r='2.6' fill='{colour}'/>" for v, rate in points]
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write("\n".join([*out, "</svg>"]) + "\n")


if __name__ == "__main__":
    main()
