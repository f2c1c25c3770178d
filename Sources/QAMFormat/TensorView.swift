import Synchronization

/// One tensor of an open file: zero-copy access to its stored bytes, and its weights.
///
/// Lifetime: a view retains its reader, which retains the file, so a view is valid as long as it is held. Spans are valid only during the closures that they
/// are passed to; nothing else that a view returns points into the file.
///
/// A view of an alias shows its target, under the alias's own name. Views are thread-safe. Creating one is O(1) and reads nothing; all payload is read through
/// the reader, which verifies it if it `verifiesPayload`.
///
/// Every method that reads payload throws `QAMError.io` or `truncated` if reading fails, `checksumMismatch` for damage that a verifying reader finds, and
/// `invalidArgument` for rows outside the tensor or a stream that it does not have.
public final class TensorView: Sendable {
    /// The reader of the file, which the view retains.
    public let reader: QAMReader
    /// The file with the payload, and the tensor's index in it.
    let file: ContainerFile
    let place: Int
    /// The requested name and shape, with the storage of the tensor that has the payload.
    public let descriptor: TensorDescriptor
    /// The index, in the reader's list, of the tensor that has the payload.
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

    /// The tensor's name.
    public var name: String { descriptor.name }
    /// The dimensions, rows first.
    public var shape: [Int] { descriptor.shape }
    /// The number of rows: the product of all dimensions except the last.
    public var rows: Int { descriptor.rows }
    /// The length of a row.
    public var columns: Int { descriptor.columns }

    /// How a coded tensor is coded; nil for a raw one. Throws `unsupported` for an unknown codec.
    public var coding: CodingDescription? {
        get throws {
            guard case .coded = descriptor.storage else { return nil }
            return try CodecRegistry.describe(descriptor, shared: file.shared)
        }
    }

    // MARK: Coded tensors

    /// Passes the codebook record of a coded tensor to `body` (spec section 8.3). It was read when opening.
    public func withCodebook<Result>(_ body: (RawSpan) throws -> Result) throws -> Result {
        try requireReadable()
        guard case .coded(let coding) = descriptor.storage, let codebook = coding.codebook else {
            throw error(.invalidArgument, "the tensor has no codebook")
        }
        let bytes = file.shared.codebooks[codebook].bytes
        return try unsafe body(bytes.span.bytes)
    }

    /// Passes the symbols of rows to `body`, by default of all rows, without gaps. With a code whose rows are coded in groups (`Code.Family.groupRows`)
    /// these are the symbols of all groups that the rows lie in.
    public func withSymbols<Result>(rows: Range<Int>? = nil, _ body: (RawSpan) throws -> Result) throws -> Result {
        try withStream(.symbols, rows: rows, body)
    }

    /// Passes the gains of rows to `body`, by default of all rows: one for each row, of `coding`'s gain type.
    public func withGains<Result>(rows: Range<Int>? = nil, _ body: (RawSpan) throws -> Result) throws -> Result {
        try withStream(.gains, rows: rows, body)
    }

    /// Passes symbols and gains of rows to `body`, as `withSymbols` and `withGains` do.
    public func withRows<Result>(_ rows: Range<Int>, _ body: (_ symbols: RawSpan, _ gains: RawSpan) throws -> Result) throws -> Result {
        try withSymbols(rows: rows) { symbols in
            try withGains(rows: rows) { gains in try body(symbols, gains) }
        }
    }

    /// Passes a stream of a coded tensor to `body`: the bytes of the groups that `rows` lie in, or all of a whole-tensor stream.
    public func withStream<Result>(
        _ role: StreamRole, rows: Range<Int>? = nil, _ body: (RawSpan) throws -> Result
    ) throws -> Result {
        try requireReadable()
        guard case .coded(let coding) = descriptor.storage, let stream = coding.streams.firstIndex(where: { $0.role == role }) else {
            throw error(.invalidArgument, "the tensor has no stream of \(role.name)")
        }
        let rows = try checked(rows ?? 0..<self.rows)
        let range = coding.streams[stream].bytes(of: rows) ?? 0..<coding.streams[stream].byteCount(rows: self.rows)
        return try file.payload.withBytes(extent(stream), range, body)
    }

    // MARK: Raw tensors

    /// Passes the bytes of a raw tensor's rows to `body`, by default of all rows, in the type of `descriptor.storage`.
    ///
    /// Without copying, unless the tensor is compressed. Throws also `invalidArgument` if a row is not a whole number of the type's blocks.
    public func withElements<Result>(rows: Range<Int>? = nil, _ body: (RawSpan) throws -> Result) throws -> Result {
        try requireReadable()
        guard case .raw(let dtype) = descriptor.storage else { throw error(.invalidArgument, "the tensor is coded") }
        guard let rows else { return try withBytes(0..<descriptor.byteCount, body) }
        let checked = try checked(rows)
        guard let size = dtype.byteCount(elements: columns) else {
            throw error(.invalidArgument, "rows of \(columns) are not a whole number of \(dtype.name) blocks")
        }
        return try withBytes(checked.lowerBound * size..<checked.upperBound * size, body)
    }

    /// Passes a range of a raw tensor's decompressed bytes to `body`.
    func withBytes<Result>(_ range: Range<Int>, _ body: (RawSpan) throws -> Result) throws -> Result {
        try file.withBytes(range, ofStream: 0, of: place, body)
    }

    // MARK: Parts

    /// The decoder, created on first use.
    var decoder: any TensorDecoder {
        get throws {
            if let made = made.withLock({ $0 }) { return made }
            // Two threads may both create one, which are equal: reading should not be done under a lock.
            let decoder = try CodecRegistry.decoder(for: index, of: reader)
            made.withLock { $0 = decoder }
            return decoder
        }
    }

    /// The location of a stream, or of a raw tensor's only extent.
    func extent(_ number: Int) -> StoredDirectory.OwnedExtent { file.directory.extent(number, of: place) }

    /// Throws `unsupported` if the tensor can only be listed and verified.
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
    /// A view of the tensor at this index of `tensors`. O(1). Throws `invalidArgument` if there is none.
    public func tensor(at index: Int) throws -> TensorView {
        guard (0..<model.tensorCount).contains(index) else {
            throw QAMError(.invalidArgument, "there is no tensor \(index)", at: .init(file: bytes.name))
        }
        return TensorView(self, index)
    }

    /// A view of the tensor with this name, compared byte by byte. O(1). Throws `notFound` if there is none.
    public func tensor(named name: String) throws -> TensorView {
        guard let index = index(of: name) else {
            throw QAMError(.notFound, "there is no such tensor", at: .init(file: bytes.name, tensor: name))
        }
        return TensorView(self, index)
    }
}
