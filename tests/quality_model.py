"""What the quality_*.py scripts share: a model, text cut into windows, and what goes into its linear tensors. Needs PyTorch and transformers."""

import argparse

import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast


def parser(description):
    """The arguments all of them have."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("model")
    made.add_argument("text", nargs="+")
    made.add_argument("--window", type=int, default=512, help="tokens, each window predicted from its own start")
    made.add_argument("--batch", type=int, default=8, help="windows at a time")
    return made


def device():
    return "cuda" if torch.cuda.is_available() else "cpu"


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).to(device()).eval()


def windows(options, paths=None):
    """The tokens of the texts (or of some of them) as rows of a tensor; the last ones that fill no window are left out."""
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=f"{options.model}/tokenizer.json")
    tokens = tokenizer("\n".join(open(path, encoding="utf-8").read() for path in paths or options.text)).input_ids
    count = len(tokens) // options.window
    return torch.tensor(tokens[: count * options.window], device=device()).view(count, options.window)


@torch.no_grad()
def mean_over_inputs(options, measure, prefix=""):
    """{tensor's name: mean over the tokens of measure(x)}, x all inputs of its linear layer in binary64; and how many tokens."""
    rows = windows(options)
    model = load(options.model)
    sums, seen = {}, {}

    def watch(name):
        def hook(module, inputs, output):
            x = inputs[0].detach().double().flatten(0, -2)
            sums[name] = sums.get(name, 0) + measure(x)
            seen[name] = seen.get(name, 0) + len(x)

        return hook

    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and name.startswith(prefix):
            module.register_forward_hook(watch(name + ".weight"))
    for at in range(0, len(rows), options.batch):
        model(rows[at : at + options.batch])
    return {name: (sums[name] / seen[name]).float().cpu() for name in sums}, rows.numel()
