#!/usr/bin/env python3
"""Draws error against bits a weight, with the bound 2^-R: quality_plot.py libslm/doc/quality.csv libslm/doc/quality.svg

Standard library only. The CSV has a line a coder: name, family (its colour), bits a weight with scales, relative error on N(0, 1), or
on the linear tensors of llama-28m where the family is llama-28m.
"""

import csv
import math
import sys

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 900, 560, 70, 20, 20, 60
COLOURS = {"slm": "#1660a8", "paper": "#c04a10", "ggml": "#2a8040", "ik_llama": "#8a6d00", "qtip": "#7a3fa0", "llama-28m": "#0a8f8f"}


def main():
    rows = list(csv.DictReader(open(sys.argv[1], newline="", encoding="utf-8")))
    least, most = 1.8, max(float(r["bits"]) for r in rows) + 0.4
    low, high = math.log10(2**-most), math.log10(0.4)

    def x(bits):
        return LEFT + (bits - least) / (most - least) * (WIDTH - LEFT - RIGHT)

    def y(error):
        return HEIGHT - BOTTOM - (math.log10(error) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    out = [f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' font-family='sans-serif' font-size='12'>",
           f"<rect width='{WIDTH}' height='{HEIGHT}' fill='white'/><g stroke='#ddd' fill='none'>"]
    for bits in range(2, int(most) + 1):
        out.append(f"<path d='M{x(bits):.1f} {TOP}V{HEIGHT - BOTTOM}'/><text x='{x(bits):.1f}' y='{HEIGHT - BOTTOM + 18}' fill='#444' stroke='none' text-anchor='middle'>{bits}</text>")
    for error in (0.01, 0.02, 0.05, 0.1, 0.2):
        out.append(f"<path d='M{LEFT} {y(error):.1f}H{WIDTH - RIGHT}'/><text x='{LEFT - 6}' y='{y(error) + 4:.1f}' fill='#444' stroke='none' text-anchor='end'>{error}</text>")
    out.append("</g>")
    out.append(f"<path d='M{x(least):.1f} {y(2**-least):.1f}L{x(most):.1f} {y(2**-most):.1f}' stroke='#888' stroke-dasharray='5 4'/>"
               f"<text x='{x(5.5):.1f}' y='{y(2**-5.5) + 24:.1f}' fill='#666' text-anchor='end'>bound 2^-R</text>")
    out.append(f"<text x='{WIDTH / 2}' y='{HEIGHT - 20}' text-anchor='middle' fill='#444'>bits a weight, scales included</text>")
    out.append(f"<text transform='translate(18 {HEIGHT / 2}) rotate(-90)' text-anchor='middle' fill='#444'>relative error on N(0, 1); of llama-28m where named</text>")
    for r in rows:
        bits, error, colour = float(r["bits"]), float(r["error"]), COLOURS[r["family"]]
        left = r["family"] == "slm"
        out.append(f"<circle cx='{x(bits):.1f}' cy='{y(error):.1f}' r='4' fill='{colour}'/>"
                   f"<text x='{x(bits) + (-7 if left else 7):.1f}' y='{y(error) + (12 if left else -3):.1f}' fill='{colour}' text-anchor='{'end' if left else 'start'}'>{r['coder']}</text>")
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write("\n".join([*out, "</svg>"]) + "\n")


if __name__ == "__main__":
    main()
