internal import Architectures
internal import QAMFormat

/// The weights of a layer's feed-forward network.
enum FeedForward: Sendable {
    case single(FeedForwardNetwork)
    case experts(ExpertMixture)

    init(_ tensors: LayerTensors) throws {
        let c = tensors.configuration
        if let experts = c.experts, tensors.rule("ffn_gate_inp") != nil {
            self = .experts(try ExpertMixture(experts, tensors))
        } else {
            self = .single(try FeedForwardNetwork(tensors, width: c.feedForwardWidth))
        }
    }

    var networks: [FeedForwardNetwork] {
        switch self {
        case .single(let network): [network]
        case .experts(let mixture): mixture.experts + (mixture.shared.map { [$0.network] } ?? [])
        }
    }

    /// The matrices that read the same vectors, in execution order. Routers are not among them, nor parts of tensors.
    var inputs: [[any Linear]] { networks.filter(\.hasOwnTensors).flatMap { [$0.inner.projections.map(\.matrix), [$0.down.matrix]] } }
}

/// An activation of inner vectors, multiplied by others if there are two kinds, between matrices.
struct FeedForwardNetwork: Sendable {
    /// Gate and up, or up alone.
    let inner: JoinedProjection
    let down: Projection
    let activation: ForwardPass.Activation
    /// Whether its matrices are tensors, and not parts of some: only of tensors there are statistics.
    let hasOwnTensors: Bool

    /// - Parameter suffix: of the tensors' names in GGUF.
    init(_ tensors: LayerTensors, suffix: String = "", width: Int, expert: Int? = nil) throws {
        let c = tensors.configuration, up = try tensors.required("ffn_up\(suffix)")
        func projection(_ name: String, _ rows: Int, _ columns: Int) throws -> Projection {
            try tensors.projection(name, rows: rows, columns: columns, expert: expert)
        }
        if up.isArranged || up.shape.first.map({ $0 == .gateAndUp }) == true {
            // One matrix in Hugging Face.
            inner = JoinedProjection(projections: [try projection("ffn_up\(suffix)", 2 * width, c.width)], widths: [width, width])
        } else if tensors.rule("ffn_gate\(suffix)") != nil {
            let both = try ["gate", "up"].map { try projection("ffn_\($0)\(suffix)", width, c.width) }
            inner = JoinedProjection(projections: both, widths: [width, width])
        } else {
            inner = JoinedProjection(projections: [try projection("ffn_up\(suffix)", width, c.width)], widths: [width])
        }
        down = try projection("ffn_down\(suffix)", c.width, width)
        activation = c.activation
        hasOwnTensors = true
    }
}
