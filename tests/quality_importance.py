#!/usr/bin/env python3
"""What slm encode --importance reads: the mean squared activation of each column of each linear tensor. Needs PyTorch and transformers.

    quality_importance.py model TEXT... -o importance.safetensors
    slm encode --importance importance.safetensors model -o model.slm

The text should be like what the model is used for, and another than it is judged by; it is cut into windows of --window tokens.
"""

from safetensors.torch import save_file

import quality_model


def main():
    parser = quality_model.parser(__doc__.split("\n")[0])
    parser.add_argument("-o", "--output", required=True)
    options = parser.parse_args()
    means, tokens = quality_model.mean_over_inputs(options, lambda x: x.square().sum(0))
    save_file(means, options.output)
    print(f"{tokens} tokens, {len(means)} tensors")


if __name__ == "__main__":
    main()
