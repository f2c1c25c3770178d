/// A file that travels with a model, kept byte for byte: config.json, tokenizer.json and their like.
public protocol EmbeddedFile: Sendable {
    /// A plain file name: data, never a path (see `EmbeddedFileName`).
    var name: String { get }
    var byteCount: Int { get }
    /// What the file is for a model.
    var role: EmbeddedFileRole { get }
    /// The bytes of `range`, which lies in `0..<byteCount`. Throws `unsupported` where it is stored in a way that this program does not know.
    func read(_ range: Range<Int>) throws -> [UInt8]
}

extension EmbeddedFile {
    /// What files of this name are.
    public var role: EmbeddedFileRole { EmbeddedFileRole(ofName: name) }
}

/// A piece of a tensor's payload.
public struct TensorChunk: Sendable {
    /// Raw tensors have one stream. Coded ones have an array for each of `Coding.streams`, in that order;
    /// those of `whole` streams are empty (see `TensorSource.readWhole`).
    public var streams: [[UInt8]]
    /// What coding cost this piece, where the source has just coded it.
    public var distortion: Distortion?
    /// How many finite values of this piece became infinite in the type that they were converted to.
    public var overflows: Int

    public init(streams: [[UInt8]], distortion: Distortion? = nil, overflows: Int = 0) {
        self.streams = streams
        self.distortion = distortion
        self.overflows = overflows
    }
}

/// What was found out about a tensor while its payload was made: the sum over its chunks. Sources remember nothing, so a piece that is
/// read twice counts only where it is written.
public struct TensorFindings: Hashable, Sendable {
    public var distortion: Distortion?
    public var overflows: Int

    public init(distortion: Distortion? = nil, overflows: Int = 0) {
        self.distortion = distortion
        self.overflows = overflows
    }

    public static func += (findings: inout TensorFindings, chunk: TensorChunk) {
        findings.overflows += chunk.overflows
        guard let more = chunk.distortion else { return }
        var sum = findings.distortion ?? Distortion()
        sum += more
        findings.distortion = sum
    }
}

/// Squared error and squared norm of coded weights; their ratio is the normalised mean squared error.
public struct Distortion: Hashable, Sendable {
    public var error: Double
    public var energy: Double

    public init(error: Double = 0, energy: Double = 0) {
        self.error = error
        self.energy = energy
    }

    public var normalized: Double { energy > 0 ? error / energy : 0 }

    public static func += (left: inout Distortion, right: Distortion) {
        left.error += right.error
        left.energy += right.energy
    }
}

/// Where tensors come from: a file of any format, or a transform that wraps another source (`WrappingSource`).
///
/// The list of tensors is fixed and in a fixed order. Reads are independent of each other and may come from
/// many threads at a time; memory is bounded by the ranges asked for.
public protocol TensorSource: Sendable {
    var metadata: Metadata { get }
    var tensors: [TensorDescriptor] { get }
    /// Codebooks and seeds that coded tensors refer to. Empty where nothing is coded.
    var shared: SharedTables { get }
    /// Files to be kept with the model, in order of their names.
    var files: [any EmbeddedFile] { get }
    /// What the reader noticed and tolerated.
    var warnings: [String] { get }
    /// The paths of all files that the payload comes from: an output never replaces one of them.
    var inputs: [String] { get }
    /// Identifies the input's content and every option that shapes the output, for `--resume`:
    /// two sources with equal strings give equal bytes.
    var fingerprint: String { get }

    /// Reads of this tensor start at multiples of this many units, and end at one or at the tensor's end.
    func granule(of tensor: Int) -> Int
    /// Reads units (bytes of a raw tensor, rows of a coded one) of the tensor at this index.
    func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk
    /// Lends units of a raw tensor to `body`, without a copy where the source has none to make. The span ends with the call.
    func withElements<Result>(_ units: Range<Int>, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result
    /// Reads a stream of a coded tensor that belongs to the tensor as a whole.
    func readWhole(stream: Int, of tensor: Int) throws -> [UInt8]
}

extension TensorSource {
    public var shared: SharedTables { SharedTables() }
    public var files: [any EmbeddedFile] { [] }
    public var warnings: [String] { [] }

    public func granule(of tensor: Int) -> Int {
        if case .raw(let dtype) = tensors[tensor].storage { dtype.blockBytes } else { 1 }
    }

    /// Lends a copy.
    public func withElements<Result>(_ units: Range<Int>, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        try withCopy(units, of: tensor, body)
    }

    public func readWhole(stream: Int, of tensor: Int) throws -> [UInt8] {
        throw QAMError(.invalidArgument, "stream \(stream) is no stream of the whole tensor", at: .init(tensor: tensors[tensor].name))
    }

    func withCopy<Result>(_ units: Range<Int>, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        let bytes = try read(units, of: tensor).streams.first ?? []
        return try unsafe body(bytes.span.bytes)
    }
}

/// Where tensors go: a file of some format that is being written.
///
/// Calls come in this order, from one thread at a time: `begin`, then for each tensor that is not yet complete
/// `write` for consecutive ranges until the tensor is complete (not at all for an alias or an empty tensor),
/// then `endTensor`; at last `finish` or, after an error, `discard`.
public protocol TensorSink: AnyObject {
    /// Takes the plan: everything but the payload. Returns the findings of each of the first tensors that are
    /// complete already, which are none unless an interrupted run is resumed.
    func begin(_ source: any TensorSource) throws -> [TensorFindings]
    func write(_ chunk: TensorChunk, units: Range<Int>, of tensor: Int) throws
    func endTensor(_ tensor: Int, findings: TensorFindings) throws
    /// Makes the output appear under its name, complete and on disk. Returns the bytes written.
    func finish() throws -> Int
    /// Leaves nothing behind, or with `keepingPartial` only what a resumed run needs.
    func discard(keepingPartial: Bool)
}
