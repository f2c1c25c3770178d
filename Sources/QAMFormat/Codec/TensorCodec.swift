/// A codec of the registry (spec section 7). An instance is the validated coding of one tensor.
///
/// The rest of the library uses codecs only through this protocol's families, `TensorDecoder` and `MatrixProduct`.
protocol TensorCodec: Sendable {
    static var id: CodecID { get }
    static var families: [Code.Family] { get }

    /// Checks a coding's parameters and the tables that it refers to against the row length. The caller checks the streams.
    ///
    /// - Throws: `QAMError.malformed` for a violation of a rule, `unsupported` for values that a later version may define.
    init(_ coding: Coding, columns: Int, tables: inout CodingTables) throws

    /// The streams that the parameters require.
    var streams: [StreamLayout] { get }
    var description: CodingDescription { get }

    /// - Parameter wholeStreams: an array for each of `streams`, of full length for whole-tensor streams and empty otherwise.
    /// - Throws: `QAMError.malformed` for invalid whole streams.
    func decoder(wholeStreams: [[UInt8]], kernels: Kernels) throws -> any TensorDecoder

    /// See `decoder`.
    func product(wholeStreams: [[UInt8]], kernels: Kernels) throws -> any MatrixProduct
}

/// The parsed payload of a codebook record.
protocol CodebookPayload: Sendable {
    /// - Throws: `QAMError.malformed` for invalid bytes, `unsupported` for values that a later version may define.
    init(record: [UInt8]) throws
}

/// The tables of one model that its codings refer to. Shared codebooks are parsed once.
struct CodingTables {
    private let shared: SharedTables
    private var codebooks: [Int: any CodebookPayload] = [:]

    init(_ shared: SharedTables) { self.shared = shared }

    /// The codebook that a coding refers to.
    ///
    /// - Throws: `QAMError.malformed` if there is none or it belongs to another codec, and errors from parsing it.
    mutating func codebook<Payload: CodebookPayload>(of coding: Coding, as type: Payload.Type) throws -> Payload {
        guard let index = coding.codebook, shared.codebooks.indices.contains(index) else {
            throw QAMError(.malformed, "the coding refers to no codebook of the file")
        }
        let record = shared.codebooks[index]
        guard record.codec == coding.codec else {
            throw QAMError(.malformed, "codebook \(index) belongs to codec \(record.codec.rawValue)")
        }
        if let known = codebooks[index] as? Payload { return known }
        let payload = try Payload(record: record.bytes)
        codebooks[index] = payload
        return payload
    }

    /// The seed that a coding refers to.
    ///
    /// - Throws: `QAMError.malformed` if there is none.
    func seed(of coding: Coding) throws -> UInt64 {
        guard let index = coding.seed, shared.seeds.indices.contains(index) else {
            throw QAMError(.malformed, "the coding refers to no seed of the file")
        }
        return shared.seeds[index]
    }
}
