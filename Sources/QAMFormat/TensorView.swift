import Synchronization

/// One tensor of an open file: its stored bytes without a copy, and its weights.
///
/// Lifetime: a view holds its reader, and the reader the file, so a view is valid as long as it is held. Spans are lent to
/// closures and end with them; nothing that a view gives out points into the file otherwise.
///
/// A view of an alias shows the tensor that the alias stands for, under its own name. Views may be used from many threads at
/// a time. Making one is O(1) and reads nothing; all payload is reached through the reader, so a reader that
/// `verifiesPayload` checks it.
///
/// What every method that reaches the payload throws: `QAMError.io` or `truncated` where reading fails,
/// `checksumMismatch` for damage that a verifying reader finds, `invalidArgument` for rows outside the tensor or a stream
/// that it does not have.
public final class TensorView: Sendable {
    public let reader: QAMReader
    /// The file that holds the payload, and the tensor's index in it.
    let file: ContainerFile
    let place: Int
    /// Name and shape as asked for; how it is stored, of the tensor that holds the payload.
    public let descriptor: TensorDescriptor
    /// The index in the reader's list of the tensor that holds the payload.
    public let index: Int
    private let made = Mutex<(any TensorDecoder)?>(nil)

    init(_ reader: QAMReader, _ index: Int) {
        self.reader = reader
        let located = reader.model.located(index)
        file = reader.model.files[located.file]
        var descriptor = file.directory.descriptor(located.tensor)
        var place = located.tensor
        // An alias is in the file of its target.
        if case .alias(let target) = descriptor.storage {
            descriptor.storage = file.directory.form(of: target).storage
            place = target
        }
        self.descriptor = descriptor
        self.place = place
        self.index = place == located.tensor ? index : reader.model.position(of: place, in: located.file)
    }

    public var name: String { descriptor.name }
    public var shape: [Int] { descriptor.shape }
    /// The number of rows: the product of all dimensions but the last.
    public var rows: Int { descriptor.rows }
    /// The length of a row.
    public var columns: Int { descriptor.columns }

    /// How a coded tensor is coded; nil of a raw one. Throws `unsupported` for an unknown codec.
    public var coding: CodingDescription? {
        get throws {
            guard case .coded = descriptor.storage else { return nil }
            return try CodecRegistry.describe(descriptor, shared: file.shared)
        }
    }

    // MARK: Coded tensors

    /// Lends the codebook of a coded tensor as the file has it (spec section 8.3). It has been read at opening.
    public func withCodebook<Result>(_ body: (RawSpan) throws -> Result) throws -> Result {
        try requireReadable()
        guard case .coded(let coding) = descriptor.storage, let codebook = coding.codebook else {
            throw error(.invalidArgument, "the tensor has no codebook")
        }
        let bytes = file.shared.codebooks[codebook].bytes
        return try unsafe body(bytes.span.bytes)
    }

    /// Lends the symbols of rows, of all rows if none are named: `symbolBytes` for each row, without gaps.
    public func withSymbols<Result>(rows: Range<Int>? = nil, _ body: (RawSpan) throws -> Result) throws -> Result {
        try withStream(.symbols, rows: rows, body)
    }

    /// Lends the gains of rows, of all rows if none are named: one for each row, of the type that `coding` names.
    public func withGains<Result>(rows: Range<Int>? = nil, _ body: (RawSpan) throws -> Result) throws -> Result {
        try withStream(.gains, rows: rows, body)
    }

    /// Lends symbols and gains of rows.
    public func withRows<Result>(_ rows: Range<Int>, _ body: (_ symbols: RawSpan, _ gains: RawSpan) throws -> Result) throws -> Result {
        try withSymbols(rows: rows) { symbols in
            try withGains(rows: rows) { gains in try body(symbols, gains) }
        }
    }

    /// Lends a stream of a coded tensor: those bytes of it that belong to `rows`, or all of a stream of the whole tensor.
    public func withStream<Result>(
        _ role: StreamRole, rows: Range<Int>? = nil, _ body: (RawSpan) throws -> Result
    ) throws -> Result {
        try requireReadable()
        guard case .coded(let coding) = descriptor.storage, let stream = coding.streams.firstIndex(where: { $0.role == role }) else {
            throw error(.invalidArgument, "the tensor has no stream of \(role.name)")
        }
        let rows = try checked(rows ?? 0..<self.rows)
        let range =
            switch coding.streams[stream].extent {
            case .perRow(let size): rows.lowerBound * size..<rows.upperBound * size
            case .whole(let size): 0..<size
            }
        return try file.payload.withBytes(extent(stream), range, body)
    }

    // MARK: Raw tensors

    /// Lends the bytes of a raw tensor's rows, of all rows if none are named, as the type of `descriptor.storage` has them.
    ///
    /// Without a copy unless the file stores it compressed. Throws also `invalidArgument` where a row is no whole number
    /// of the type's blocks.
    public func withElements<Result>(rows: Range<Int>? = nil, _ body: (RawSpan) throws -> Result) throws -> Result {
        try requireReadable()
        guard case .raw(let dtype) = descriptor.storage else { throw error(.invalidArgument, "the tensor is coded") }
        guard let rows else { return try withBytes(0..<descriptor.byteCount, body) }
        let checked = try checked(rows)
        guard let size = dtype.byteCount(elements: columns) else {
            throw error(.invalidArgument, "rows of \(columns) are no whole number of \(dtype.name) blocks")
        }
        return try withBytes(checked.lowerBound * size..<checked.upperBound * size, body)
    }

    /// Lends a range of a raw tensor's bytes, decompressed.
    func withBytes<Result>(_ range: Range<Int>, _ body: (RawSpan) throws -> Result) throws -> Result {
        try file.withBytes(range, ofStream: 0, of: place, body)
    }

    // MARK: Parts

    /// The decoder, made when it is first needed.
    var decoder: any TensorDecoder {
        get throws {
            if let made = made.withLock({ $0 }) { return made }
            // Two threads may both make one: they are equal, and reading is no work for a lock.
            let decoder = try CodecRegistry.decoder(for: index, of: reader)
            made.withLock { $0 = decoder }
            return decoder
        }
    }

    /// Where a stream, or the only extent of a raw tensor, lies.
    func extent(_ number: Int) -> StoredDirectory.OwnedExtent { file.directory.extent(number, of: place) }

    /// Throws `unsupported` where the tensor can only be listed and verified.
    func requireReadable() throws {
        do { try descriptor.requireReadable() } catch let error as QAMError { throw error.inFile(file.bytes.name) }
    }

    func checked(_ rows: Range<Int>) throws -> Range<Int> {
        guard rows.lowerBound >= 0, rows.upperBound <= self.rows else {
            throw error(.invalidArgument, "rows \(rows) are asked for of \(self.rows)")
        }
        return rows
    }

    func error(_ code: QAMError.Code, _ message: String) -> QAMError {
        QAMError(code, message, at: .init(file: file.bytes.name, tensor: name))
    }
}

extension QAMReader {
    /// A view of the tensor at this index of `tensors`. O(1). Throws `invalidArgument` where there is none.
    public func tensor(at index: Int) throws -> TensorView {
        guard (0..<model.tensorCount).contains(index) else {
            throw QAMError(.invalidArgument, "there is no tensor \(index)", at: .init(file: bytes.name))
        }
        return TensorView(self, index)
    }

    /// A view of the tensor of this name, compared byte by byte. O(1). Throws `notFound` where there is none.
    public func tensor(named name: String) throws -> TensorView {
        guard let index = index(of: name) else {
            throw QAMError(.notFound, "there is no such tensor", at: .init(file: bytes.name, tensor: name))
        }
        return TensorView(self, index)
    }
}
