/// Turns the chunks of one coded tensor into weights.
public protocol TensorDecoder: Sendable {
    /// Decodes `rows` consecutive rows, row-major. The chunk has a stream for each of `Coding.streams`, those of `whole`
    /// streams empty. Any symbol bytes decode to something.
    ///
    /// - Throws: `QAMError.malformed` for gains that break a rule, `QAMError.invalidArgument` where the streams do not hold
    ///   that many rows.
    func decode(_ chunk: TensorChunk, rows: Int) throws -> [Float]

    /// Decodes `rows` consecutive rows into `weights`, row-major, from index `start` on. The spans hold those rows' bytes of
    /// the per-row streams, and nothing else.
    ///
    /// - Throws: as the other, and `QAMError.invalidArgument` where `weights` has no room for the rows.
    func decode(symbols: RawSpan, gains: RawSpan, rows: Int, into weights: inout MutableSpan<Float>, at start: Int) throws
}

/// What a person wants to know of a tensor's coding.
public struct CodingDescription: Hashable, Sendable {
    /// The codec's name: `qam-pairs`.
    public var codec: String
    /// Bits a weight of the symbols alone, without padding.
    public var bits: Double
    /// The codebook's family: `free` or `octant`.
    public var codebook: String
    public var blockSize: Int
    public var seed: UInt64
    /// `float16` or `float32`.
    public var gainType: String
    public var channelScales: Bool
}

/// All codecs of coded tensors (spec section 7). Nothing outside this folder knows what a coded tensor's parameters,
/// codebooks and streams mean.
public enum CodecRegistry {
    /// Rows of coded tensors are at most this long.
    public static let maximumColumns = 1 << 24

    /// Checks everything about a coded tensor but its payload. Tensors that are not coded pass.
    ///
    /// - Throws: `QAMError.unsupported` for an unknown codec, `QAMError.malformed` for what breaks its rules; the error names
    ///   the tensor.
    public static func validate(_ descriptor: TensorDescriptor, shared: SharedTables) throws {
        var validator = CodingValidator(shared: shared)
        try validator.validate(descriptor)
    }

    /// The decoder of a coded tensor.
    ///
    /// - Parameter wholeStreams: an array for each of `Coding.streams`, those of `perRow` streams empty.
    /// - Throws: as `validate`, and `QAMError.malformed` for whole streams that break a rule.
    public static func decoder(
        for descriptor: TensorDescriptor, shared: SharedTables, wholeStreams: [[UInt8]]
    ) throws -> any TensorDecoder {
        guard case .coded(let coding) = descriptor.storage else {
            throw QAMError(.invalidArgument, "the tensor is not coded", at: .init(tensor: descriptor.name))
        }
        return try named(descriptor) {
            try PairCoding(descriptor, coding, shared).decoder(columns: descriptor.columns, wholeStreams: wholeStreams)
        }
    }

    /// The decoder of a source's coded tensor, with its whole streams read.
    public static func decoder(for tensor: Int, of source: any TensorSource) throws -> any TensorDecoder {
        let descriptor = source.tensors[tensor]
        guard case .coded(let coding) = descriptor.storage else {
            throw QAMError(.invalidArgument, "the tensor is not coded", at: .init(tensor: descriptor.name))
        }
        let wholeStreams: [[UInt8]] = try coding.streams.enumerated().map { index, stream in
            guard case .whole = stream.extent else { return [] }
            return try source.readWhole(stream: index, of: tensor)
        }
        return try decoder(for: descriptor, shared: source.shared, wholeStreams: wholeStreams)
    }

    /// What to print of a coded tensor.
    ///
    /// - Throws: as `validate`.
    public static func describe(_ descriptor: TensorDescriptor, shared: SharedTables) throws -> CodingDescription {
        guard case .coded(let coding) = descriptor.storage else {
            throw QAMError(.invalidArgument, "the tensor is not coded", at: .init(tensor: descriptor.name))
        }
        return try named(descriptor) { try PairCoding(descriptor, coding, shared).description }
    }

    fileprivate static func named<Result>(_ descriptor: TensorDescriptor, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch var error as QAMError {
            error.place.tensor = descriptor.name
            throw error
        }
    }
}

/// Checks the coded tensors of one model. Codebooks that tensors share are parsed once, so a directory of many tensors
/// costs little more than its length.
public struct CodingValidator {
    private let shared: SharedTables
    private var codebooks: [Int: Codebook] = [:]
    /// The coding that was found good last: most tensors of a model are coded alike.
    private var last: (coding: Coding, columns: Int)?

    public init(shared: SharedTables) { self.shared = shared }

    /// As `CodecRegistry.validate`.
    public mutating func validate(_ descriptor: TensorDescriptor) throws {
        guard case .coded(let coding) = descriptor.storage else { return }
        if let last, last.columns == descriptor.columns, last.coding == coding, descriptor.shape.count >= 2, descriptor.elementCount > 0 { return }
        let parsed = coding.codebook.flatMap { codebooks[$0] }
        let coded = try CodecRegistry.named(descriptor) { try PairCoding(descriptor, coding, shared, parsed: parsed) }
        if let index = coding.codebook { codebooks[index] = coded.codebook }
        last = (coding, descriptor.columns)
    }

    /// As `validate`, but where only the codec or a part of it is unknown, so that all but this tensor can be read, returns a warning.
    package mutating func warning(_ descriptor: TensorDescriptor) throws -> String? {
        guard try !isDecodable(descriptor), case .coded(let coding) = descriptor.storage else { return nil }
        return "tensor \"\(descriptor.name)\" \(Self.reason(coding.codec))"
    }

    /// As `validate`; false where only the codec or a part of it is unknown.
    package mutating func isDecodable(_ descriptor: TensorDescriptor) throws -> Bool {
        do {
            try validate(descriptor)
            return true
        } catch let error as QAMError where error.code == .unsupported {
            return false
        }
    }

    /// What a warning says of a tensor whose codec is unknown.
    package static func reason(_ codec: CodecID) -> String { "is coded by codec \(codec.rawValue), which this program cannot decode" }
}
