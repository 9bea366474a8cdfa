"""The peer's side of benchmarks/compare: the same workloads in PyTorch, by the same line protocol.

contender.py WORKLOAD [size=number ...] makes the inputs, says "ready NOTE", then answers a line for each it reads:
  run N            N iterations; wall and process CPU milliseconds of one iteration
  results FOLDER   writes what the last iteration left, one file an array
"""

import os
import sys
import time

import numpy
import torch
import torch.nn.functional as F

import inputs

FULL = dict(batch=1024, heads=4, subKeys=1024, keySize=256, topK=32, valueSize=512)


def uniform(seed, *shape):
    tensor = torch.empty(*shape)
    inputs.fill(tensor.numpy(), seed)
    return tensor


class Lookup:
    """Half scores as one batched product, top-k of the halves, top-k of their sums."""

    note = ""

    def __init__(self, s):
        self.s = s
        self.query = uniform(1, s["batch"], s["heads"], 2, s["keySize"] // 2)
        self.keys = uniform(2, s["heads"] * 2, s["subKeys"], s["keySize"] // 2)

    @torch.inference_mode()
    def run(self, iteration):
        batch, heads, n, k = (self.s[name] for name in ("batch", "heads", "subKeys", "topK"))
        query = self.query.permute(1, 2, 0, 3).reshape(heads * 2, batch, -1)
        half = torch.bmm(query, self.keys.transpose(1, 2)).view(heads, 2, batch, n)
        scores, keys = half.topk(k, dim=-1, sorted=False)
        sums = (scores[:, 0, :, :, None] + scores[:, 1, :, None, :]).view(heads, batch, k * k)
        best, pair = sums.topk(k, dim=-1)
        first = keys[:, 0].gather(-1, pair // k)
        second = keys[:, 1].gather(-1, pair % k)
        self.scores = best.transpose(0, 1)
        self.slots = (first * n + second).transpose(0, 1)

    def results(self):
        return dict(scores=self.scores, slots=self.slots)


class TableStep:
    """embedding_bag, its gradient, and an optimizer's step on the table."""

    def __init__(self, s, optimizer):
        self.sparse = optimizer == "sparse-adam"
        bag = s["heads"] * s["topK"]
        accesses = s["batch"] * bag
        self.values = uniform(3, s["slots"], s["valueSize"]).requires_grad_()
        self.slots = [
            torch.from_numpy(inputs.slot_set(s["slots"], accesses, which)).view(s["batch"], bag)
            for which in range(inputs.sets(s["slots"], accesses))
        ]
        self.weights = uniform(4, s["batch"], bag).requires_grad_()
        self.out_gradients = uniform(5, s["batch"], s["valueSize"])
        if self.sparse:
            self.optimizer, self.note = torch.optim.SparseAdam([self.values], lr=1e-3), "SparseAdam"
        else:
            fused = optimizer == "adam-fused"
            self.optimizer = torch.optim.Adam([self.values], lr=1e-3, **(dict(fused=True) if fused else {}))
            self.note = "Adam(params, fused=True)" if fused else "Adam(params)"

    def run(self, iteration):
        self.weights.grad = None
        self.optimizer.zero_grad(set_to_none=True)
        slots = self.slots[iteration % len(self.slots)]
        self.out = F.embedding_bag(
            slots, self.values, per_sample_weights=self.weights, mode="sum", sparse=self.sparse
        )
        self.out.backward(self.out_gradients)
        self.optimizer.step()

    def results(self):
        return dict(out=self.out, weightGradients=self.weights.grad, values=self.values[:1000])


class CausalTraining:
    """scaled_dot_product_attention and its gradient, in the layout that PyTorch prefers: [batch, heads, time, headSize]."""

    note = "scaled_dot_product_attention"

    def __init__(self):
        query, keys, values, out_gradients = (
            uniform(seed, 1, 4096, 12, 64).transpose(1, 2).contiguous() for seed in (1, 2, 3, 4)
        )
        self.inputs = [tensor.requires_grad_() for tensor in (query, keys, values)]
        self.out_gradients = out_gradients

    def run(self, iteration):
        for tensor in self.inputs:
            tensor.grad = None
        self.out = F.scaled_dot_product_attention(*self.inputs, is_causal=True)
        self.out.backward(self.out_gradients)

    def results(self):
        names = "queryGradients", "keyGradients", "valueGradients"
        all = dict(zip(names, (tensor.grad for tensor in self.inputs)), out=self.out)
        return {name: tensor.transpose(1, 2) for name, tensor in all.items()}


def workload(name, s):
    if name == "causal-training":
        return CausalTraining()
    if name == "lookup":
        return Lookup(s)
    return TableStep(s, name.removeprefix("table-step-"))


def write(results, folder):
    for name, tensor in results.items():
        kind = "float32" if tensor.dtype == torch.float32 else "int64"
        tensor.detach().contiguous().numpy().tofile(os.path.join(folder, f"{name}.{kind}"))


def main(name, *arguments):
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    sizes = dict(FULL)
    sizes.update((key, int(value)) for key, value in (argument.split("=") for argument in arguments))
    sizes.setdefault("slots", sizes["subKeys"] ** 2)
    work = workload(name, sizes)
    iteration = 0
    print(f"ready PyTorch {torch.__version__} {work.note}".rstrip(), flush=True)
    for line in sys.stdin:
        command, argument = line.split()
        if command == "results":
            write(work.results(), argument)
            print("written", flush=True)
            continue
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(int(argument)):
            work.run(iteration)
            iteration += 1
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(f"{1e3 * wall / int(argument):.6f} {1e3 * cpu / int(argument):.6f}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
