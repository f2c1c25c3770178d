/// All codecs of coded tensors (spec section 7). Code outside this folder does not interpret a coded tensor's parameters, codebooks or streams.
package enum CodecRegistry {
    private static let codecs: [any TensorCodec.Type] = [
        PairCoding.self,
        PolarCoding.self,
        Int8Coding.self,
        TrellisCoding.self,
    ]

    /// The families of codes of all codecs.
    package static let families: [Code.Family] = codecs.flatMap { $0.families }

    /// The maximum length of a coded tensor's rows.
    package static let maximumColumns = 1 << 24

    /// Checks everything about a coded tensor except its payload. Tensors that are not coded pass.
    ///
    /// - Throws: `QAMError.unsupported` for an unknown codec, `malformed` for a violation of its rules; the error names the tensor.
    package static func validate(_ descriptor: TensorDescriptor, shared: SharedTables) throws {
        var validator = CodingValidator(shared: shared)
        try validator.validate(descriptor)
    }

    /// The decoder of a coded tensor.
    ///
    /// - Parameter wholeStreams: an array for each of `Coding.streams`, empty for the others.
    /// - Throws: as `validate`, and `QAMError.malformed` for invalid whole streams.
    package static func decoder(
        for descriptor: TensorDescriptor, shared: SharedTables, wholeStreams: [[UInt8]]
    ) throws -> any TensorDecoder {
        try decoder(for: descriptor, shared: shared, wholeStreams: wholeStreams, kernels: .chosen)
    }

    package static func decoder(
        for descriptor: TensorDescriptor, shared: SharedTables, wholeStreams: [[UInt8]], kernels: Kernels
    ) throws -> any TensorDecoder {
        let codec = try codec(of: descriptor, shared: shared)
        return try named(descriptor) { try codec.decoder(wholeStreams: checked(wholeStreams, codec.streams), kernels: kernels) }
    }

    /// The decoder of a source's coded tensor; reads its whole streams.
    package static func decoder(for tensor: Int, of source: any TensorSource) throws -> any TensorDecoder {
        try decoder(for: source.tensors[tensor], shared: source.shared, wholeStreams: wholeStreams(of: tensor, source))
    }

    /// Multiplies by a coded tensor directly from its symbols. See `decoder(for:shared:wholeStreams:kernels:)`.
    package static func product(
        for descriptor: TensorDescriptor, shared: SharedTables, wholeStreams: [[UInt8]], kernels: Kernels = .chosen
    ) throws -> any MatrixProduct {
        let codec = try codec(of: descriptor, shared: shared)
        return try named(descriptor) { try codec.product(wholeStreams: checked(wholeStreams, codec.streams), kernels: kernels) }
    }

    /// The same for a source's tensor; reads its whole streams.
    package static func product(for tensor: Int, of source: any TensorSource) throws -> any MatrixProduct {
        try product(for: source.tensors[tensor], shared: source.shared, wholeStreams: wholeStreams(of: tensor, source))
    }

    /// The description of a coded tensor, for display.
    ///
    /// - Throws: as `validate`.
    package static func describe(_ descriptor: TensorDescriptor, shared: SharedTables) throws -> CodingDescription {
        try codec(of: descriptor, shared: shared).description
    }

    private static func codec(of descriptor: TensorDescriptor, shared: SharedTables) throws -> any TensorCodec {
        var tables = CodingTables(shared)
        return try codec(of: descriptor, tables: &tables)
    }

    /// The validated coding of a tensor.
    static func codec(of descriptor: TensorDescriptor, tables: inout CodingTables) throws -> any TensorCodec {
        try named(descriptor) {
            guard case .coded(let coding) = descriptor.storage else { throw QAMError(.invalidArgument, "the tensor is not coded") }
            guard let type = codecs.first(where: { $0.id == coding.codec }) else {
                throw QAMError(.unsupported, "codec \(coding.codec.rawValue) is unknown")
            }
            guard descriptor.shape.count >= 2, descriptor.shape.allSatisfy({ $0 > 0 }) else {
                throw QAMError(.malformed, "a coded tensor must have two dimensions or more, none of them zero")
            }
            guard descriptor.columns <= maximumColumns else {
                throw QAMError(.limitExceeded, "rows of \(descriptor.columns) weights are longer than \(maximumColumns)")
            }
            let codec = try type.init(coding, columns: descriptor.columns, tables: &tables)
            guard coding.streams == codec.streams else {
                throw QAMError(.malformed, "the streams are not those that the parameters demand")
            }
            return codec
        }
    }

    /// Throws `invalidArgument` unless the number and lengths of the streams match.
    private static func checked(_ wholeStreams: [[UInt8]], _ streams: [StreamLayout]) throws -> [[UInt8]] {
        let isSound =
            wholeStreams.count == streams.count
            && zip(wholeStreams, streams).allSatisfy { bytes, stream in
                if case .whole(let length) = stream.extent { bytes.count == length } else { true }
            }
        guard isSound else { throw QAMError(.invalidArgument, "the whole streams are not those of the coding") }
        return wholeStreams
    }

    private static func wholeStreams(of tensor: Int, _ source: any TensorSource) throws -> [[UInt8]] {
        guard case .coded(let coding) = source.tensors[tensor].storage else { return [] }
        return try coding.streams.enumerated().map { index, stream in
            guard case .whole = stream.extent else { return [] }
            return try source.readWhole(stream: index, of: tensor)
        }
    }

    private static func named<Result>(_ descriptor: TensorDescriptor, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch var error as QAMError {
            error.place.tensor = descriptor.name
            throw error
        }
    }
}
