import Architectures
package import QAMFormat

/// The plain model that a quantized checkpoint stands for: each quantized weight under its own name, computed as it is read; all other
/// tensors as they are stored. Scales and the like, and the configuration of the quantization, are gone.
package struct DequantizedCheckpoint: WrappingSource {
    package let base: any TensorSource
    package let tensors: [TensorDescriptor]
    package let files: [any EmbeddedFile]
    package let fingerprint: String
    private let payloads: [Payload]
    private let ownWarnings: [String]

    private enum Payload: Sendable {
        case stored(Int)
        case weight(any QuantizedWeight, DType)
    }

    /// Reads no payload except small tables of shapes. O(tensors).
    ///
    /// - Parameters:
    ///   - scheme: what `QuantizationScheme.detect` found.
    ///   - beside: configuration files that are not among the source's.
    ///   - advice: what the warning says of the consequences.
    /// - Throws: the scheme's refusal if no rule reads it; `unsupported` or `malformed`, with the tensor, for a checkpoint that the rule does not
    ///   cover, or that does not fit its own configuration.
    package init(_ base: any TensorSource, _ scheme: QuantizationScheme, beside: [any EmbeddedFile] = [], advice: String) throws {
        guard ModelNames.of(base) != .gguf, let rule = scheme.method.rule else { throw scheme.refusal }
        let declared = Self.dtype(of: base.files + beside)
        var layout = try Layout(base, try rule.init(scheme.parameters), declared)
        guard layout.weightCount > 0 else { throw scheme.refusal }
        if let left = TensorSign.scheme(among: layout.tensors, isGGUF: false) {
            throw QAMError(
                .unsupported,
                "the checkpoint is quantized with \(scheme.title) (\(scheme.evidence)), but \(left.evidence), as with \(left.method.title): such a mixture cannot be "
                    + "dequantized here; take the original checkpoint")
        }
        layout.resolveAliases(base)
        self.base = base
        (tensors, payloads) = (layout.tensors, layout.payloads)
        files = try base.files.filter { !QuantizationStatement.ownFiles.contains($0.name) }.map(QuantizationStatement.removed(from:))
        let types = layout.types.map(\.name).sorted().joined(separator: " and ")
        ownWarnings = ["the checkpoint is already quantized with \(scheme.title), and is dequantized to \(types) as it is read\(advice)"] + layout.notes
        let outline = layout.tensors.map { "\($0.name) \($0.shape) \($0.storage)" }.joined(separator: "\n")
        let parameters = JSONWriter.text(scheme.parameters.value, keepingNonFinite: true)
        fingerprint = "\(base.fingerprint) dequantize \(scheme.method.title) \(XXH3.hash(Array("\(parameters)\n\(outline)".utf8)))"
    }

    package var warnings: [String] { base.warnings + ownWarnings }

    package func origin(of tensor: Int) -> Int? { if case .stored(let index) = payloads[tensor] { index } else { nil } }

    package func granule(of tensor: Int) -> Int {
        switch payloads[tensor] {
        case .stored(let index): base.granule(of: index)
        case .weight(let weight, let dtype): weight.granule * weight.columns * dtype.blockBytes
        }
    }

    package func readWhole(stream: Int, of tensor: Int) throws -> [UInt8] {
        guard let origin = origin(of: tensor) else {
            throw QAMError(.invalidArgument, "stream \(stream) is not a stream of the whole tensor", at: .init(tensor: tensors[tensor].name))
        }
        return try base.readWhole(stream: stream, of: origin)
    }

    /// Any range of bytes can be read; whole granules are read best.
    package func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        switch payloads[tensor] {
        case .stored(let index): return try base.read(units, of: index)
        case .weight(let weight, let dtype):
            guard units.lowerBound >= 0, units.upperBound <= tensors[tensor].byteCount else {
                throw QAMError(.invalidArgument, "the tensor has \(tensors[tensor].byteCount) bytes, not \(units)", at: .init(tensor: weight.name))
            }
            return try units.isEmpty ? TensorChunk(streams: [[]]) : read(units, of: weight, as: dtype)
        }
    }

    private func read(_ units: Range<Int>, of weight: any QuantizedWeight, as dtype: DType) throws -> TensorChunk {
        let rowBytes = weight.columns * dtype.blockBytes, granule = weight.granule
        let start = units.lowerBound / rowBytes / granule * granule
        let end = min(((units.upperBound - 1) / rowBytes / granule + 1) * granule, weight.rowCount)
        let step = max(1, weight.preferredRows / granule) * granule
        var chunk = TensorChunk(streams: [[]])
        chunk.streams[0].reserveCapacity((end - start) * rowBytes)
        for first in stride(from: start, to: end, by: step) {
            let values = try weight.weights(first..<(end - first > step ? first + step : end), from: base)
            chunk.streams[0] += try ElementConversion.bytes(values, as: dtype)
            chunk.overflows += ElementConversion.overflows(values, as: dtype)
        }
        let wanted = units.lowerBound - start * rowBytes..<units.upperBound - start * rowBytes
        if wanted.count != chunk.streams[0].count { chunk.streams[0] = Array(chunk.streams[0][wanted]) }
        return chunk
    }

    /// The type that the configuration declares for the model, if weights can have it.
    private static func dtype(of files: [any EmbeddedFile]) -> DType? {
        guard let config = try? ModelConfig(files), case .string(let name)? = config["torch_dtype"] ?? config["dtype"] else { return nil }
        return PlainWeight.types[name]
    }
}

extension DequantizedCheckpoint {
    /// The plain tensors, and where they come from.
    private struct Layout {
        private(set) var tensors: [TensorDescriptor] = []
        private(set) var payloads: [Payload] = []
        private(set) var weightCount = 0
        /// The types of the dequantized weights.
        private(set) var types: Set<DType> = []
        private(set) var notes: [String] = []

        /// Weights are `declared`; without that, of the type that they are stored for.
        init(_ base: any TensorSource, _ rule: any DequantizationRule, _ declared: DType?) throws {
            let stored = StoredTensors(base)
            var used: Set<String> = [], sides: [StoredTensor] = [], names: Set<ExactName> = []
            for (index, tensor) in base.tensors.enumerated() {
                // Only what cannot be read is not among them.
                switch try stored[tensor.name].map({ try rule.part($0, of: stored) }) ?? .plain {
                case .unused: continue
                case .side: stored[tensor.name].map { sides.append($0) }
                case .plain: try add(tensor, .stored(index), &names)
                case .weight(let weight):
                    if let coded = weight.parts.first(where: \.isCoded) {
                        throw coded.unsupported("its quantized values were coded as if they were weights: quantize the original checkpoint again")
                    }
                    used.formUnion(weight.parts.map(\.name))
                    weightCount += 1
                    if let note = weight.note, !notes.contains(note) { notes.append(note) }
                    let dtype = declared ?? weight.storedType ?? .bf16
                    types.insert(dtype)
                    try add(TensorDescriptor(name: weight.name, shape: weight.shape, storage: .raw(dtype)), .weight(weight, dtype), &names)
                }
            }
            if let stray = sides.first(where: { !used.contains($0.name) }) {
                throw stray.malformed("the weight that it belongs to is missing: the checkpoint is incomplete")
            }
        }

        private mutating func add(_ tensor: TensorDescriptor, _ payload: Payload, _ names: inout Set<ExactName>) throws {
            guard names.insert(ExactName(tensor.name)).inserted else {
                throw QAMError(.malformed, "the weight is stored twice, plain and quantized", at: .init(tensor: tensor.name))
            }
            tensors.append(tensor)
            payloads.append(payload)
        }

        /// Aliases refer to the plain list; those of tensors that are gone get the payload themselves.
        mutating func resolveAliases(_ base: any TensorSource) {
            var places: [Int: Int] = [:]
            for (place, payload) in payloads.enumerated() {
                if case .stored(let index) = payload { places[index] = place }
            }
            for (place, tensor) in tensors.enumerated() {
                guard case .alias(let target) = tensor.storage else { continue }
                if let kept = places[target] {
                    tensors[place].storage = .alias(of: kept)
                } else {
                    tensors[place].storage = base.tensors[target].storage
                    payloads[place] = .stored(target)
                    places[target] = place
                }
            }
        }
    }
}
