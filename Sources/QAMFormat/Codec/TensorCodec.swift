/// What a codec of the registry does (spec section 7). A value is the coding of one tensor, checked.
///
/// All that is known of a codec outside its folder is said here, by its families and by `TensorDecoder` and `MatrixProduct`.
protocol TensorCodec: Sendable {
    static var id: CodecID { get }
    static var families: [Code.Family] { get }

    /// Checks the parameters of a coding, and the tables that it refers to, against the length of its rows. The streams are checked by
    /// whoever calls this.
    ///
    /// - Throws: `QAMError.malformed` for what breaks a rule, `unsupported` for what a later version may have.
    init(_ coding: Coding, columns: Int, tables: inout CodingTables) throws

    /// The streams that the parameters demand.
    var streams: [StreamLayout] { get }
    var description: CodingDescription { get }

    /// - Parameter wholeStreams: an array for each of `streams`, of its length where it is of the whole tensor and else empty.
    /// - Throws: `QAMError.malformed` for whole streams that break a rule.
    func decoder(wholeStreams: [[UInt8]], kernels: Kernels) throws -> any TensorDecoder

    /// As `decoder`.
    func product(wholeStreams: [[UInt8]], kernels: Kernels) throws -> any MatrixProduct
}

/// The payload of a codebook's record, parsed.
protocol CodebookPayload: Sendable {
    /// - Throws: `QAMError.malformed` for bytes that break a rule, `unsupported` for what a later version may have.
    init(record: [UInt8]) throws
}

/// The tables of one model that its codings refer to. Codebooks that tensors share are parsed once.
struct CodingTables {
    private let shared: SharedTables
    private var codebooks: [Int: any CodebookPayload] = [:]

    init(_ shared: SharedTables) { self.shared = shared }

    /// The codebook that a coding refers to.
    ///
    /// - Throws: `QAMError.malformed` where there is none or it is another codec's, and what parsing it throws.
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
    /// - Throws: `QAMError.malformed` where there is none.
    func seed(of coding: Coding) throws -> UInt64 {
        guard let index = coding.seed, shared.seeds.indices.contains(index) else {
            throw QAMError(.malformed, "the coding refers to no seed of the file")
        }
        return shared.seeds[index]
    }
}
