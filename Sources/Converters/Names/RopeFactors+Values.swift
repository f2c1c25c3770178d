import Architectures
import QAMFormat

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension RopeFactors {
    /// The parameters of llama3 scaling, with the defaults of llama.cpp's converter.
    struct Llama3: Hashable {
        var factor = 8.0
        var lowFrequencyFactor = 1.0
        var highFrequencyFactor = 4.0
        var originalContext = 8192.0

        init(factor: Double) { self.factor = factor }

        init(_ scaling: JSONValue, _ config: ModelConfig) throws {
            func number(_ key: String) throws -> Double? { try scaling[key].map { Double(try config.float($0, key: "rope_scaling.\(key)")) } }
            factor = try number("factor") ?? factor
            lowFrequencyFactor = try number("low_freq_factor") ?? lowFrequencyFactor
            highFrequencyFactor = try number("high_freq_factor") ?? highFrequencyFactor
            originalContext = try number("original_max_position_embeddings") ?? originalContext
            guard factor > 0, lowFrequencyFactor > 0, highFrequencyFactor > lowFrequencyFactor, originalContext > 0 else {
                throw ModelConfig.fault("\"rope_scaling\" must have positive factors, the high frequencies' larger than the low ones'")
            }
        }

        var json: JSONValue {
            [
                "factor": .number(factor), "low_freq_factor": .number(lowFrequencyFactor), "high_freq_factor": .number(highFrequencyFactor),
                "original_max_position_embeddings": JSONValue(Int(originalContext)), "rope_type": "llama3",
            ]
        }

        /// A factor for each pair of a head's `dimensions`: 1 for short wavelengths, `factor` for long ones, interpolated between. In
        /// float32, like other converters.
        func values(theta: Double, dimensions: Int) -> [Float] {
            let high = Float(highFrequencyFactor), low = Float(lowFrequencyFactor), context = Float(originalContext)
            return stride(from: 0, to: dimensions, by: 2).map { index in
                let wave = 2 * Float.pi * powf(Float(theta), Float(index) / Float(dimensions))
                if wave < context / high { return 1 }
                if wave > context / low { return Float(factor) }
                let smooth = (context / wave - low) / (high - low)
                return 1 / ((1 - smooth) / Float(factor) + smooth)
            }
        }
    }

    /// A tensor of these values in GGUF's form.
    static func item(_ name: String, _ values: [Float]) throws -> SelectingSource.Item {
        SelectingSource.Item(
            TensorDescriptor(name: name, shape: [values.count], storage: .raw(.f32)), .made(try ElementConversion.bytes(values, as: .f32)))
    }

    /// The values of a tensor of factors; nil if there is none. Throws `malformed` for an implausible one.
    static func values(_ name: String, in source: any TensorSource) throws -> [Float]? {
        guard let index = source.tensors.firstIndex(where: { $0.name == name }) else { return nil }
        let tensor = source.tensors[index]
        guard case .raw(.f32) = tensor.storage, tensor.shape.count == 1, (1...65536).contains(tensor.elementCount) else {
            throw QAMError(.malformed, "this must be a list of at most 65,536 F32 factors", at: .init(tensor: name))
        }
        return try ElementConversion.floats(try source.read(0..<tensor.byteCount, of: index).streams.first ?? [], as: .f32)
    }

    /// The attention scale for long contexts, as defined by the models' authors.
    static func longAttentionFactor(context: Double, original: Double) -> Double {
        let scale = context / original
        return scale > 1 && original > 1 ? (1 + log(scale) / log(original)).squareRoot() : 1
    }
}
