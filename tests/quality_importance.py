#!/usr/bin/env python3
"""What slm encode --importance reads: the mean squared activation of each column of each linear tensor. Needs PyTorch and transformers.

    quality_importance.py model TEXT... -o importance.safetensors
    slm encode --importance importance.safetensors model -o model.slm

The text should be like what the model is used for, and another than it is judged by; it is cut into windows of --window tokens.
"""

import argparse

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("text", nargs="+")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--window", type=int, default=512)
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=f"{options.model}/tokenizer.json")
    tokens = tokenizer("\n".join(open(path, encoding="utf-8").read() for path in options.text)).input_ids
    count = len(tokens) // options.window
    windows = torch.tensor(tokens[: count * options.window], device=device).view(count, options.window)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).to(device).eval()
    sums, seen = {}, {}

    def watch(name):
        def hook(module, inputs, output):
            x = inputs[0].detach().double().flatten(0, -2)
            sums[name] = sums.get(name, 0) + x.square().sum(0)
            seen[name] = seen.get(name, 0) + len(x)

        return hook

    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            module.register_forward_hook(watch(name + ".weight"))
    with torch.no_grad():
        for window in windows:
            model(window[None])
    save_file({name: (sums[name] / seen[name]).float().cpu() for name in sums}, options.output)
    print(f"{windows.numel()} tokens, {len(sums)} tensors")


if __name__ == "__main__":
    main()
