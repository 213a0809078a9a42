#!/usr/bin/env python3
"""What slm encode --hessian reads: the mean of x x^T over the inputs x of each linear tensor. Needs PyTorch and transformers.

    quality_hessian.py model TEXT... -o hessian.safetensors
    slm encode --hessian hessian.safetensors model -o model.slm

The text should be like what the model is used for, and another than it is judged by. It should have several times more tokens than the
widest tensor has columns: with fewer the matrix has directions that the text never took.
"""

from safetensors.torch import save_file

import quality_model


def main():
    parser = quality_model.parser(__doc__.split("\n")[0])
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--tensors", default="", help="only those whose names begin so: a large model's file can be made in parts")
    options = parser.parse_args()
    means, tokens = quality_model.mean_over_inputs(options, lambda x: x.T @ x, options.tensors)
    # A matrix product is symmetric but for its last bits; the file's matrices are exactly.
    save_file({name: (mean.triu() + mean.triu(1).T).contiguous() for name, mean in means.items()}, options.output)
    print(f"{tokens} tokens, {len(means)} tensors")


if __name__ == "__main__":
    main()
