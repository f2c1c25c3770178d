internal import QAMFormat

/// The weights of one layer of a llama-family model.
struct TransformerLayer: Sendable {
    /// A matrix and its bias.
    struct Projection: Sendable {
        var matrix: any Linear
        var bias: [Float]?

        init(_ name: String, rows: Int, columns: Int, from weights: ModelWeights) throws {
            matrix = try weights.matrix("\(name).weight", rows: rows, columns: columns)
            bias = try weights.vector(ifThere: "\(name).bias", count: rows)
        }

        func apply(_ input: LayerInput, pool: WorkerPool) throws -> FloatMatrix {
            let out = FloatMatrix(count: input.count, width: matrix.rows)
            try matrix.multiply(input, into: out, pool: pool)
            if let bias { for t in 0..<input.count { FloatKernels.add(bias, to: out, t) } }
            return out
        }
    }

    /// The length of the sliding window, including the token itself; nil without a window.
    let window: Int?
    let inputNorm: [Float]
    let query: Projection
    let key: Projection
    let value: Projection
    let output: Projection
    /// Query and key norms (Qwen 3).
    let queryNorm: [Float]?
    let keyNorm: [Float]?
    let feedForwardNorm: [Float]
    let gate: Projection
    let up: Projection
    let down: Projection

    /// Throws `malformed` for a missing tensor or one whose shape contradicts the configuration.
    init(_ index: Int, _ configuration: TransformerConfiguration, from weights: ModelWeights) throws {
        let prefix = "model.layers.\(index)", c = configuration
        func projection(_ name: String, _ rows: Int, _ columns: Int) throws -> Projection {
            try Projection("\(prefix).\(name)", rows: rows, columns: columns, from: weights)
        }
        func input(_ name: String, heads: Int) throws -> Projection { try projection("self_attn.\(name)", heads * c.headWidth, c.width) }
        func norm(_ name: String) throws -> [Float] { try weights.vector("\(prefix).\(name).weight", count: c.width) }
        func headNorm(_ name: String) throws -> [Float]? {
            try weights.vector(ifThere: "\(prefix).self_attn.\(name).weight", count: c.headWidth)
        }

        window = c.window(ofLayer: index)
        inputNorm = try norm("input_layernorm")
        query = try input("q_proj", heads: c.headCount)
        key = try input("k_proj", heads: c.keyValueHeadCount)
        value = try input("v_proj", heads: c.keyValueHeadCount)
        output = try projection("self_attn.o_proj", c.width, c.headCount * c.headWidth)
        queryNorm = try headNorm("q_norm")
        keyNorm = try headNorm("k_norm")
        feedForwardNorm = try norm("post_attention_layernorm")
        gate = try projection("mlp.gate_proj", c.feedForwardWidth, c.width)
        up = try projection("mlp.up_proj", c.feedForwardWidth, c.width)
        down = try projection("mlp.down_proj", c.width, c.feedForwardWidth)
    }
}
