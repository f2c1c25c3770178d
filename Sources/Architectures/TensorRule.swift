/// A tensor's two names, without `.weight` or `.bias`, its shape, and its bias. `#` stands for the block number, `*` for an expert's number: GGUF
/// stacks such tensors of Hugging Face in one.
package struct TensorRule: Sendable {
    /// A dimension, determined by the configuration.
    package indirect enum Extent: Hashable, Sendable {
        case vocabulary
        case width
        case feedForward
        /// Two feed-forward matrices in one.
        case gateAndUp
        /// All heads together.
        case queries
        /// All key or value heads together.
        case keys
        /// Queries, keys and values in one.
        case attention
        case head
        /// The number that a key of config.json has.
        case key(String)
        case number(Int)
        case sum(Extent, Extent)
        case difference(Extent, Extent)
        case product(Extent, Extent)
        case quotient(Extent, Extent)
    }

    /// The raw value is the key in config.json that counts them.
    package enum Heads: String, Sendable {
        case ofQueries = "num_attention_heads"
        /// Also the value heads.
        case ofKeys = "num_key_value_heads"
    }

    /// The bias added to the products.
    package enum Bias: Sendable {
        case none
        case required
        /// Present if the key of config.json is true; a `lenient` one may be missing and is then zero. `loadable`: whether GGUF loaders
        /// accept it.
        case flagged(String, lenient: Bool = false, loadable: Bool = true)
    }

    package enum Change: Sendable {
        /// The same elements in both formats.
        case none
        /// GGUF interleaves the rows of each head.
        case interleaved(Heads)
        /// GGUF adds 1.
        case plusOne
        /// GGUF has the elements, or some of them, in another order: those of the arrangements, one after the other. `shape` is Hugging Face's.
        case arranged([Arrangement], from: [Extent])
    }

    /// What a model must have for the tensor to be there.
    package enum Condition: Sendable {
        /// The key of config.json has a value that is not null, false or 0.
        case set(String)
        case unset(String)
        /// The layers before, or from, the number that the key has.
        case before(String)
        case from(String)
    }

    package let huggingFace: String
    package let gguf: String
    /// Shape of the weight in GGUF, rows first. A bias has one element per row of the weight.
    package let shape: [Extent]
    package let change: Change
    package let bias: Bias
    /// All of them must hold.
    package let conditions: [Condition]
    /// Whether the names are whole, with nothing to be added.
    package let isWhole: Bool

    package init(
        _ huggingFace: String, _ gguf: String, _ shape: Extent..., change: Change = .none, bias: Bias = .none, when conditions: [Condition] = [],
        isWhole: Bool = false
    ) {
        self.init(huggingFace, gguf, shape: shape, change: change, bias: bias, when: conditions, isWhole: isWhole)
    }

    package init(
        _ huggingFace: String, _ gguf: String, shape: [Extent], change: Change = .none, bias: Bias = .none, when conditions: [Condition] = [],
        isWhole: Bool = false
    ) {
        self.huggingFace = huggingFace
        self.gguf = gguf
        self.shape = shape
        self.change = change
        self.bias = bias
        self.conditions = conditions
        self.isWhole = isWhole
    }

    /// Whether GGUF stacks tensors of Hugging Face, one for each index of its first dimension.
    package var isStacked: Bool { huggingFace.contains("*") }

    package var isArranged: Bool { if case .arranged = change { true } else { false } }

    /// The shape of the weight in Hugging Face; of each of those that GGUF stacks.
    package var huggingFaceShape: [Extent] {
        if case .arranged(_, let shape) = change { return shape }
        return isStacked ? Array(shape.dropFirst()) : shape
    }

    package static let headInGGUF = "output"
    package static let embeddingInGGUF = "token_embd"
}

/// How a tensor of GGUF, or a piece of one, lies in a tensor of Hugging Face: that one has dimensions which are products of these `axes`, row-major;
/// the piece takes a part of one axis, and all of the others, in another order.
package struct Arrangement: Sendable {
    package struct Part: Sendable {
        package var axis: Int
        package var start: TensorRule.Extent
        package var count: TensorRule.Extent

        package init(axis: Int, start: TensorRule.Extent, count: TensorRule.Extent) {
            self.axis = axis
            self.start = start
            self.count = count
        }
    }

    package let axes: [TensorRule.Extent]
    /// GGUF's axes, by their places in `axes`.
    package let order: [Int]
    package let part: Part?

    package init(_ axes: [TensorRule.Extent], order: [Int]? = nil, part: Part? = nil) {
        self.axes = axes
        self.order = order ?? Array(axes.indices)
        self.part = part
    }

    /// That of the bias: without GGUF's last axis, along which a product is summed.
    package var ofBias: Arrangement {
        guard let summed = order.last else { return self }
        func place(_ axis: Int) -> Int { axis - (axis > summed ? 1 : 0) }
        var axes = axes
        axes.remove(at: summed)
        let part = part.map { Part(axis: place($0.axis), start: $0.start, count: $0.count) }
        return Arrangement(axes, order: order.dropLast().map(place), part: part)
    }
}
