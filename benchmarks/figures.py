"""The named figures: what each means, what it should reach, and what is run for it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Side:
    """One of the two that run in turn. program: java, torch, or read (the table of the other side, in sequence)."""

    program: str
    workload: str = ""
    sizes: tuple = ()
    kernels: str = "native"
    label: str = ""
    threads: int = 0  # of one operation; 0: as many as the run is given


@dataclass(frozen=True)
class Figure:
    """value = peer / ours where higher is better, ours / peer where lower is."""

    name: str
    meaning: str
    target: float
    better: str
    clock: str
    ours: Side
    peer: Side
    same: float = 1.0  # share of the results' elements that must agree before anything is timed
    multiply_adds: int = 0  # of one iteration of ours; its share of the machine's peak is noted
    bytes_moved: int = 0  # that one iteration of ours reads and writes at least; the rate is noted
    has_table: bool = False  # then the rate is also given as a share of reading that table in sequence
    bound: str = ""  # what keeps ours from being faster
    second: Side = None  # another form of the peer, measured after it in the same run
    second_name: str = ""
    seconds: int = 90  # that a full measurement lasts


ROWS = 1024 * 128 * 512 * 4  # bytes of the rows that 1024 tokens read


def lookup(name, batch, target, bound):
    return Figure(
        name,
        f"PyTorch's time / ours to find the top 32 of 1M slots by product keys, {batch} token(s), 4 heads",
        target,
        "higher",
        "wall",
        Side("java", "lookup", (f"batch={batch}",)),
        Side("torch", "lookup", (f"batch={batch}",)),
        multiply_adds=batch * 4 * 1024 * 256,
        bytes_moved=4 * 4 * 1024 * 256 if batch == 1 else 0,
        bound=bound,
    )


def table_step(optimizer, peer_name, target, **options):
    return Figure(
        f"table-step-{optimizer}",
        f"time of PyTorch with {peer_name} / ours for forward, backward and update of a table, 1M slots of 512,"
        " 1024 tokens reading 128 distinct slots each",
        target,
        "higher",
        "wall",
        Side("java", "table-step"),
        Side("torch", f"table-step-{optimizer}"),
        bytes_moved=(1 + 1 + 6) * ROWS,
        has_table=True,
        bound="Every one of 131072 rows of 2 KB is read by the forward pass and by the gradient of the weights, and read and"
        " written with its two moments by the update: eight passes over 268 MB, at random, all from and to memory.",
        **options,
    )


def moe_floor(name, batch):
    return Figure(
        name,
        f"time of reading in sequence the weights of the experts that are hit / time of a mixture of experts that decodes"
        f" {batch} token(s): 2 of 32 SwiGLU experts of 1024 x 2752, 1.08 GB",
        0.7,
        "higher",
        "wall",
        Side("java", "experts-decode", (f"batch={batch}",)),
        Side("read", label="sequential read in the same process"),
        bound="The weights of every expert that is hit come from memory once; beside that there are the router, three"
        " calls of the kernel and some ten small operations of ND4J, which count with one token.",
    )


def ultramem_moe(name, batch):
    return Figure(
        name,
        f"time of a mixture of experts (2 of 32, of 1024 x 2752) / time of a dense feed-forward layer and an UltraMem (495,616 slots of"
        f" 512 values, 1.01 GB) of the same multiply-adds and parameters, decoding {batch} token(s)",
        6,
        "higher",
        "cpu",
        Side("java", "ultramem-decode", (f"batch={batch}",)),
        Side("java", "experts-decode", (f"batch={batch}",), label="ours, mixture of experts"),
        same=0,  # other models: nothing to agree
        bound="The feed-forward layer's 51 MB of weights come from memory for every step, the memory's keys, projections and rows are 20 MB.",
    )


def ultramem_dense(name, batch):
    return Figure(
        name,
        f"time of a dense feed-forward layer and an UltraMem / time of a dense feed-forward layer of the same multiply-adds, decoding"
        f" {batch} token(s)",
        1.3,
        "lower",
        "cpu",
        Side("java", "ultramem-decode", (f"batch={batch}",)),
        Side("java", "dense-decode", (f"batch={batch}",), label="ours, dense"),
        same=0,
    )


ATTENTION = "one text of 4096 tokens, 12 heads of 64, forward and backward"
SEPARATORS = "the first 4 tokens, separators (11.5%) and a window of"


def separator_train(window, target):
    return Figure(
        f"separator-train-{window}",
        f"CPU time of attention to {SEPARATORS} {window} tokens / to all tokens before, {ATTENTION}",
        target,
        "lower",
        "cpu",
        Side("java", f"separator-training-{window}"),
        Side("java", "causal-training", label="ours, dense causal"),
        same=0,  # another attention
    )


def sdpa(name, target, workload, what, **options):
    return Figure(
        name,
        f"time of PyTorch's dense causal scaled_dot_product_attention / of {what}, {ATTENTION}",
        target,
        "higher",
        "wall",
        Side("java", workload),
        Side("torch", "causal-training"),
        **options,
    )


def ultramem_async(batch):
    return Figure(
        f"ultramem-async-{batch}",
        f"time of decoding {batch} token(s) by a third of UltraMem-151M (four blocks of 1024, one memory of 495,616 slots of 512 values)"
        " whose memory works on a thread of its own beside three blocks / of the same in one thread after the other; one thread for every"
        " operation. At one of 1, 16 and 64 tokens it is to reach its target",
        0.9,
        "lower",
        "wall",
        Side("java", "ultramem-steps-asynchronous", (f"batch={batch}",), threads=1),
        Side("java", "ultramem-steps", (f"batch={batch}",), label="ours, memory in its turn", threads=1),
        second=Side("java", "ultramem-steps", (f"batch={batch}",), label="ours, memory in its turn, two threads for every operation", threads=2),
        second_name="TwoThreads",
        bound="The blocks take longer than the memory, which is hidden but for its start; both read weights from the same memory.",
    )


FIGURES = {
    figure.name: figure
    for figure in (
        lookup(
            "lookup-1024",
            1024,
            4,
            "Most of the time are multiply-adds; the rest is the exact selection, and keys that are transposed for each"
            " block of queries.",
        ),
        lookup(
            "lookup-1",
            1,
            8,
            "The 4 MiB of sub-keys come from the third-level cache, one multiply-add for every value: their reading is the"
            " floor (the rate is below). PyTorch reads the same bytes, so the ratio is what PyTorch does beside that, and"
            " differs much between machines.",
        ),
        Figure(
            "bag-bandwidth",
            "bandwidth of the weighted bag, 1024 tokens reading 128 distinct rows of 2 KB each out of 2 GB,"
            " as a share of the bandwidth of reading the same memory in sequence",
            0.7,
            "higher",
            "wall",
            Side("java", "bag"),
            Side("read", label="sequential read in the same process"),
            bytes_moved=ROWS,
            bound="Rows of 2 KB in random order: memory opens its pages anew for each, and the processor's own prefetcher reads"
            " beyond the end of a row. Where the system places the table matters too: kernel_bench (custom-ops/src/main/native)"
            " shows other shares from one process to the next.",
        ),
        # Dense Adam adds epsilon after the bias correction, DL4J before it: the two differ where a gradient is below 1e-5.
        table_step(
            "adam",
            "dense Adam, torch.optim.Adam(params)",
            20,
            same=0.999,
            second=Side("torch", "table-step-adam-fused"),
            second_name="Fused",
        ),
        table_step("sparse-adam", "SparseAdam", 3),
        Figure(
            "slots-flat",
            "CPU time of gather and update of 131072 distinct rows of 64 values at 16M slots / at 512K slots",
            1.3,
            "lower",
            "cpu",
            Side("java", "row-update", ("valueSize=64", "slots=16777216")),
            Side("java", "row-update", ("valueSize=64", "slots=524288"), label="ours at 512K slots"),
        ),
        Figure(
            "pool-readers",
            "CPU time of a training step of a network whose three memories read one pool, 1M slots of 128, 1024 tokens / of"
            " the same with the pool frozen (three reads), plus one update of a table at the same slots",
            1.2,
            "lower",
            "cpu",
            Side("java", "pool-step", ("valueSize=128",)),
            Side("java", "reads-and-update", ("valueSize=128",), label="ours, three reads and one update"),
        ),
        Figure(
            "pool-shards",
            "CPU time of a training step of a network whose three memories read one pool, 1M slots of 128, 1024 tokens, the pool"
            " split over two workers / of the same with one table, on the same two threads",
            1.2,
            "lower",
            "cpu",
            Side("java", "pool-step", ("valueSize=128", "shards=2")),
            Side("java", "pool-step", ("valueSize=128",), label="ours, one table"),
        ),
        Figure(
            "pool-slots-flat",
            "CPU time of a step of a table (read, gradient of the weights, grouping, Adam), 131072 distinct rows of 64 values, at"
            " 16M slots / at 512K slots",
            1.2,
            "lower",
            "cpu",
            Side("java", "table-step", ("valueSize=64", "slots=16777216")),
            Side("java", "table-step", ("valueSize=64", "slots=524288"), label="ours at 512K slots"),
        ),
        moe_floor("moe-floor", 16),
        moe_floor("moe-floor-1", 1),
        moe_floor("moe-floor-64", 64),
        ultramem_moe("ultramem-moe-16", 16),
        ultramem_moe("ultramem-moe-8", 8),
        ultramem_moe("ultramem-moe-32", 32),
        ultramem_dense("ultramem-dense-16", 16),
        ultramem_dense("ultramem-dense-1", 1),
        ultramem_async(1),
        ultramem_async(16),
        ultramem_async(64),
        Figure(
            "ultramem-slots-flat",
            "CPU time of the lookup and the bag of an UltraMem (2 heads, expansion 4, top 42, 64 tokens) with a table of 20M slots of 64"
            " values / of the same lookup, equal scores, with a table of 512K slots",
            1.3,
            "lower",
            "cpu",
            Side("java", "tucker-read", ("batch=64", "heads=2", "topK=42", "subKeys=4472", "valueSize=64")),
            Side(
                "java",
                "tucker-read",
                ("batch=64", "heads=2", "topK=42", "subKeys=4472", "valueSize=64", "slots=524288"),
                label="ours, 512K slots",
            ),
            same=0,  # other rows
        ),
        Figure(
            "telemetry-overhead",
            "CPU time of 100 training steps of a network whose three memories read one pool, 1M slots of 128, 128 tokens a step,"
            " with MemoryTelemetry as it comes (one report in 100 steps) / without it",
            1.05,
            "lower",
            "cpu",
            Side("java", "watched-stretch", ("valueSize=128", "batch=128"), threads=1),
            Side("java", "pool-stretch", ("valueSize=128", "batch=128"), label="ours, without the listener", threads=1),
            seconds=360,  # an iteration takes five
        ),
        Figure(
            "portable-step",
            "CPU time of the portable kernels / of the native ones for a whole memory step (lookup, bag, both"
            " gradients, Adam), 1024 tokens, 1M slots of 512",
            4,
            "lower",
            "cpu",
            Side("java", "memory-step", kernels="portable"),
            Side("java", "memory-step", label="ours, native kernels"),
            same=0.99,
        ),
        separator_train(64, 0.35),
        separator_train(128, 0.4),
        sdpa("separator-sdpa", 2, "separator-training-128", f"our attention to {SEPARATORS} 128 tokens", same=0),
        sdpa("causal-sdpa", 0.8, "causal-training", "ours", multiply_adds=7 * 12 * 64 * 4096 * 4097 // 2),
        Figure(
            "decode-flat",
            "CPU time of decoding with a separator cache (4 initial tokens, 64 separators, window 256, size 800, rotary positions"
            " in the cache, 12 heads of 64), over a whole period of the cache, after 64K tokens / after 1K",
            1.1,
            "lower",
            "cpu",
            Side("java", "separator-decode-65536"),
            Side("java", "separator-decode-1024", label="ours after 1K tokens"),
        ),
        Figure(
            "decode-floor",
            "time of reading in sequence the keys and values that are kept / time of the decoding op, 16 texts of 562 tokens,"
            " 12 heads of 64, rotary positions in the cache",
            0.7,
            "higher",
            "wall",
            Side("java", "decode-from-cache"),
            Side("read", label="sequential read in the same process"),
            bytes_moved=2 * 16 * 12 * 562 * 64 * 4,
            bound="Keys and values come from memory once, as they lie; keys are turned between their load and their product.",
        ),
    )
}
