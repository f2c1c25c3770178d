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

/// One stream of a coded tensor: a number of bytes per row, or for the whole tensor.
public struct StreamLayout: Hashable, Sendable {
    /// The size of a stream.
    public enum Extent: Hashable, Sendable {
        case perRow(Int)
        case whole(Int)
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
        case .perRow(let bytes): rows &* bytes
        case .whole(let bytes): bytes
        }
    }
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
