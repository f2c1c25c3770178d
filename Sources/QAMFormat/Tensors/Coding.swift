/// The number of a codec in the registry (spec section 7). Each codec declares its own.
public struct CodecID: RawRepresentable, Hashable, Sendable {
    /// The number in the registry of spec section 8.
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }
}

/// The content of a stream of a coded tensor; it determines the stream's section.
public struct StreamRole: RawRepresentable, Hashable, Sendable {
    /// The number in the stream's record.
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Bit-packed symbols, in the section `symbols`.
    public static let symbols = StreamRole(rawValue: 1)
    /// One gain per row, in the section `scales`.
    public static let gains = StreamRole(rawValue: 2)
    /// One scale per column, in the section `scales`.
    public static let channelScales = StreamRole(rawValue: 3)

    /// The suffix of the stream's tensor in a packed checkpoint.
    public var name: String {
        switch self {
        case .symbols: "symbols"
        case .gains: "gains"
        case .channelScales: "channel_scales"
        default: "stream\(rawValue)"
        }
    }
}

/// One stream of a coded tensor: a number of bytes per group of rows, or for the whole tensor.
public struct StreamLayout: Hashable, Sendable {
    /// The size of a stream.
    public enum Extent: Hashable, Sendable {
        /// Bytes for every `count` consecutive rows, a power of two; the last group may have fewer rows.
        case perRows(_ count: Int, bytes: Int)
        case whole(Int)

        /// Bytes for every row.
        public static func perRow(_ bytes: Int) -> Extent { .perRows(1, bytes: bytes) }
    }

    /// What the stream contains.
    public var role: StreamRole
    /// Its size.
    public var extent: Extent

    public init(role: StreamRole, extent: Extent) {
        self.role = role
        self.extent = extent
    }

    /// The stream's bytes in a tensor of `rows` rows. Readers refuse products that overflow.
    public func byteCount(rows: Int) -> Int {
        switch extent {
        case .perRows(let count, let bytes): Self.groups(rows, of: count) &* bytes
        case .whole(let bytes): bytes
        }
    }

    /// The bytes of the groups that these rows lie in; nil for a stream of the whole tensor.
    package func bytes(of rows: Range<Int>) -> Range<Int>? {
        guard case .perRows(let count, let bytes) = extent else { return nil }
        return rows.lowerBound / count * bytes..<Self.groups(rows.upperBound, of: count) * bytes
    }

    /// The rows of a group; 1 for a stream of the whole tensor.
    package var groupRows: Int { if case .perRows(let count, _) = extent { count } else { 1 } }

    package static func groups(_ rows: Int, of count: Int) -> Int { rows / count + (rows % count == 0 ? 0 : 1) }
}

/// How a coded tensor is stored, independent of the codec; `parameters` are codec-specific.
public struct Coding: Hashable, Sendable {
    /// The codec.
    public var codec: CodecID
    /// The type before coding, which `keep` restores; nil if not known.
    public var sourceType: DType?
    /// Index into the source's shared codebooks, if the codec uses one.
    public var codebook: Int?
    /// Index into the source's shared seeds, if the codec uses one.
    public var seed: Int?
    /// At most 255 bytes whose meaning the codec defines.
    public var parameters: [UInt8]
    /// The streams in file order.
    public var streams: [StreamLayout]

    public init(codec: CodecID, sourceType: DType?, codebook: Int?, seed: Int?, parameters: [UInt8], streams: [StreamLayout]) {
        self.codec = codec
        self.sourceType = sourceType
        self.codebook = codebook
        self.seed = seed
        self.parameters = parameters
        self.streams = streams
    }

    /// The rows that are coded together: ranges of stored rows start at multiples of this. Group sizes are powers of two.
    package var groupRows: Int { streams.reduce(1) { max($0, $1.groupRows) } }
}

/// A codebook in the container: bytes that its codec interprets.
public struct CodebookRecord: Hashable, Sendable {
    /// The codec that the codebook belongs to.
    public var codec: CodecID
    /// The payload of the record.
    public var bytes: [UInt8]

    public init(codec: CodecID, bytes: [UInt8]) {
        self.codec = codec
        self.bytes = bytes
    }
}

/// Tables shared by the coded tensors of one model, which refer to them by index.
public struct SharedTables: Hashable, Sendable {
    /// The codebooks, each once.
    public var codebooks: [CodebookRecord]
    /// Seeds of the sign generator (spec section 8.2).
    public var seeds: [UInt64]

    public init(codebooks: [CodebookRecord] = [], seeds: [UInt64] = []) {
        self.codebooks = codebooks
        self.seeds = seeds
    }
}
