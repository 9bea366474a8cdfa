package io.github.dl4jmemory.zoo;

/** The experts of a {@link MoeTransformer}, as its builder describes them. */
record ExpertSettings(int experts, int topK, boolean normalizeTopK, double balanceLoss) {}
