/// The number of a codec in the registry (spec section 7). Each codec declares its own.
public struct CodecID: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }
}

/// What a stream of a coded tensor holds; it decides the section that carries it.
public struct StreamRole: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Bit-packed symbols, in the section `symbols`.
    public static let symbols = StreamRole(rawValue: 1)
    /// One gain for each row, in the section `scales`.
    public static let gains = StreamRole(rawValue: 2)
    /// One scale for each column, in the section `scales`.
    public static let channelScales = StreamRole(rawValue: 3)

    /// The name that a packed checkpoint gives the stream's tensor.
    public var name: String {
        switch self {
        case .symbols: "symbols"
        case .gains: "gains"
        case .channelScales: "channel_scales"
        default: "stream\(rawValue)"
        }
    }
}

/// One stream of a coded tensor: so many bytes for each row, or so many for the whole tensor.
public struct StreamLayout: Hashable, Sendable {
    public enum Extent: Hashable, Sendable {
        case perRow(Int)
        case whole(Int)
    }

    public var role: StreamRole
    public var extent: Extent

    public init(role: StreamRole, extent: Extent) {
        self.role = role
        self.extent = extent
    }

    /// The stream's bytes in a tensor of `rows` rows. Readers refuse products that overflow.
    public func byteCount(rows: Int) -> Int {
        switch extent {
        case .perRow(let bytes): rows &* bytes
        case .whole(let bytes): bytes
        }
    }
}

/// How a coded tensor is stored, in terms that every codec shares; `parameters` are the codec's own.
public struct Coding: Hashable, Sendable {
    public var codec: CodecID
    /// The type that the tensor had before it was coded, and that `keep` gives it back; nil where it is not known.
    public var sourceType: DType?
    /// Index into the source's shared codebooks, where the codec uses one.
    public var codebook: Int?
    /// Index into the source's shared seeds, where the codec uses one.
    public var seed: Int?
    /// At most 255 bytes whose meaning the codec defines.
    public var parameters: [UInt8]
    public var streams: [StreamLayout]

    public init(codec: CodecID, sourceType: DType?, codebook: Int?, seed: Int?, parameters: [UInt8], streams: [StreamLayout]) {
        self.codec = codec
        self.sourceType = sourceType
        self.codebook = codebook
        self.seed = seed
        self.parameters = parameters
        self.streams = streams
    }
}

/// A codebook as the container carries it: bytes that its codec understands.
public struct CodebookRecord: Hashable, Sendable {
    public var codec: CodecID
    public var bytes: [UInt8]

    public init(codec: CodecID, bytes: [UInt8]) {
        self.codec = codec
        self.bytes = bytes
    }
}

/// What coded tensors of one model share and refer to by index.
public struct SharedTables: Hashable, Sendable {
    public var codebooks: [CodebookRecord]
    /// Seeds of the sign generator (spec section 8.2).
    public var seeds: [UInt64]

    public init(codebooks: [CodebookRecord] = [], seeds: [UInt64] = []) {
        self.codebooks = codebooks
        self.seeds = seeds
    }
}
