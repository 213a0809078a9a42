#!/usr/bin/env python3
"""Held-out perplexity of coded models, and their KL divergence from the model they were made of. Needs PyTorch and transformers.

    slm encode -p slm-4 model -o x.slm && slm decode x.slm -o model-slm-4
    quality_kl.py model TEXT... --coded slm-4=model-slm-4 [--coded NAME=FOLDER ...]

Texts are one text, or with --each a line is printed for each and one for all their windows. A text is cut into windows of --window tokens,
each predicted from its own start; the first token of a window is not scored. KL is the mean over tokens of sum p log(p / q) in nats, p the
model's distribution and q the coded one's, both computed in binary32. Beside each mean stands its standard error, windows taken as
independent draws.
"""

import math
import pathlib

import torch

import quality_model


def mean_and_error(values):
    """Of a list of means, one a window."""
    n, mean = len(values), sum(values) / len(values)
    return mean, math.sqrt(sum((v - mean) ** 2 for v in values) / max(1, n - 1) / n)


@torch.no_grad()
def predictions(model, windows, batch):
    for at in range(0, len(windows), batch):
        yield torch.log_softmax(model(windows[at : at + batch]).logits[:, :-1].double(), dim=-1)


def measure(reference, coded, windows, batch):
    """Per window: the loss of the coded model, KL, and how often the likeliest token is the same."""
    rows = []
    for at, (p, q) in enumerate(zip(predictions(reference, windows, batch), predictions(coded, windows, batch))):
        wanted = windows[at * batch : at * batch + len(p), 1:].unsqueeze(-1)
        loss = -q.gather(2, wanted).squeeze(-1).mean(1)
        kl = (p.exp() * (p - q)).sum(-1).mean(1)
        same = (p.argmax(-1) == q.argmax(-1)).double().mean(1)
        rows += zip(loss.tolist(), kl.tolist(), same.tolist())
    return rows


def report(name, rows, text):
    (loss, loss_error), (kl, kl_error), (same, _) = (mean_and_error(list(column)) for column in zip(*rows))
    perplexity = math.exp(loss)
    print(f"{name:<14} {perplexity:>10.3f} {perplexity * loss_error:>7.3f} {kl:>9.5f} {kl_error:>8.5f} {same:>9.4f}  {text}", flush=True)


def main():
    parser = quality_model.parser(__doc__.split("\n")[0])
    parser.add_argument("--coded", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--each", action="store_true")
    options = parser.parse_args()
    texts = [[path] for path in options.text] if options.each else [options.text]
    windows = [quality_model.windows(options, paths) for paths in texts]
    reference = quality_model.load(options.model)
    print(f"{sum(w.numel() for w in windows)} tokens in {sum(map(len, windows))} windows; torch {torch.__version__}, {quality_model.device()}")
    print(f"{'model':<14} {'perplexity':>10} {'+-':>7} {'KL':>9} {'+-':>8} {'same top':>9}  text")
    for name, folder in [("uncoded", None), *(entry.split("=", 1) for entry in options.coded)]:
        coded = reference if folder is None else quality_model.load(folder)
        rows = [measure(reference, coded, w, options.batch) for w in windows]
        for path, text in zip(options.text, rows if options.each else []):
            report(name, text, pathlib.Path(path).stem)
        report(name, [row for text in rows for row in text], "all")


if __name__ == "__main__":
    main()
