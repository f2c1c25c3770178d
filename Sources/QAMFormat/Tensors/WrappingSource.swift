/// A source that changes something of another: everything that it does not define itself is the base's.
///
///     /// A model without the files that travel with it.
///     struct BareSource: WrappingSource {
///         let base: any TensorSource
///         var files: [any EmbeddedFile] { [] }
///         var fingerprint: String { "bare \(base.fingerprint)" }
///         func origin(of tensor: Int) -> Int? { tensor }
///     }
///
/// A source whose tensors have other payloads than the base's says so by `origin`, and defines `granule` and `read` for them.
public protocol WrappingSource: TensorSource {
    /// The source that is wrapped.
    var base: any TensorSource { get }
    /// The index of the base's tensor whose payload this tensor has as it is; nil where this source makes the payload.
    func origin(of tensor: Int) -> Int?
}

extension WrappingSource {
    public var metadata: Metadata { base.metadata }
    public var tensors: [TensorDescriptor] { base.tensors }
    public var shared: SharedTables { base.shared }
    public var files: [any EmbeddedFile] { base.files }
    public var warnings: [String] { base.warnings }
    public var inputs: [String] { base.inputs }

    public func granule(of tensor: Int) -> Int { base.granule(of: origin(of: tensor) ?? tensor) }

    /// Reads from the base. A source that makes payloads defines its own.
    public func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        try base.read(units, of: try requireOrigin(of: tensor))
    }

    /// Lends what the base lends, and a copy of what this source makes.
    public func withElements<Result>(_ units: Range<Int>, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        if let origin = origin(of: tensor) { return try base.withElements(units, of: origin, body) }
        return try withCopy(units, of: tensor, body)
    }

    public func readWhole(stream: Int, of tensor: Int) throws -> [UInt8] {
        try base.readWhole(stream: stream, of: try requireOrigin(of: tensor))
    }

    private func requireOrigin(of tensor: Int) throws -> Int {
        guard let origin = origin(of: tensor) else {
            throw QAMError(.invalidArgument, "the source that makes this tensor does not read it", at: .init(tensor: tensors[tensor].name))
        }
        return origin
    }
}
