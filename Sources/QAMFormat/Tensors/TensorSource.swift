/// A side file of a model, kept byte for byte: config.json, tokenizer.json and similar.
public protocol EmbeddedFile: Sendable {
    /// A file name, or the names of folders and a file with slashes between them: data that is checked before it becomes a path (see
    /// `EmbeddedFileName`).
    var name: String { get }
    var byteCount: Int { get }
    /// The purpose of the file.
    var role: EmbeddedFileRole { get }
    /// The bytes of `range`, which is within `0..<byteCount`. Throws `unsupported` if it is stored in an unknown way.
    func read(_ range: Range<Int>) throws -> [UInt8]
}

extension EmbeddedFile {
    /// The role given by the file's name.
    public var role: EmbeddedFileRole { EmbeddedFileRole(ofName: name) }
}

/// A chunk of a tensor's payload.
public struct TensorChunk: Sendable {
    /// Raw tensors have one stream. Coded ones have an array for each of `Coding.streams`, in order; those of `whole` streams are empty
    /// (see `TensorSource.readWhole`).
    public var streams: [[UInt8]]
    /// The distortion of this chunk, if the source has just coded it.
    public var distortion: Distortion?
    /// The number of finite values of this chunk that overflowed to infinity in a conversion.
    public var overflows: Int

    public init(streams: [[UInt8]], distortion: Distortion? = nil, overflows: Int = 0) {
        self.streams = streams
        self.distortion = distortion
        self.overflows = overflows
    }
}

/// Results of producing a tensor's payload, summed over its chunks. Sources are stateless, so a chunk that is read twice counts only when
/// it is written.
public struct TensorFindings: Hashable, Sendable {
    /// The error of lossy coding; nil for exact copies.
    public var distortion: Distortion?
    /// The finite values that became infinite.
    public var overflows: Int

    public init(distortion: Distortion? = nil, overflows: Int = 0) {
        self.distortion = distortion
        self.overflows = overflows
    }

    /// Adds the findings of a chunk.
    public static func += (findings: inout TensorFindings, chunk: TensorChunk) {
        findings.overflows += chunk.overflows
        guard let more = chunk.distortion else { return }
        var sum = findings.distortion ?? Distortion()
        sum += more
        findings.distortion = sum
    }
}

/// Squared error and squared norm of coded weights; their ratio is the normalised mean squared error. If errors were weighed by their effect on the model's
/// predictions, also that effect.
public struct Distortion: Hashable, Sendable {
    /// The sum of squared differences.
    public var error: Double
    /// The sum of squares of the original.
    public var energy: Double
    /// The expected KL divergence of the model's predictions that the errors cause, in nats per token; nil if unknown.
    public var divergence: Double?

    public init(error: Double = 0, energy: Double = 0, divergence: Double? = nil) {
        self.error = error
        self.energy = energy
        self.divergence = divergence
    }

    /// Error over energy (NMSE); 0 without energy.
    public var normalized: Double { energy > 0 ? error / energy : 0 }

    /// Adds the sums, and divergences as far as they are known.
    public static func += (left: inout Distortion, right: Distortion) {
        left.error += right.error
        left.energy += right.energy
        if let more = right.divergence { left.divergence = (left.divergence ?? 0) + more }
    }
}

/// A provider of tensors: a file of any format, or a transform that wraps another source (`WrappingSource`).
///
/// The list of tensors and its order are fixed. Reads are independent and may be concurrent; memory is bounded by the requested ranges.
public protocol TensorSource: Sendable {
    var metadata: Metadata { get }
    var tensors: [TensorDescriptor] { get }
    /// Codebooks and seeds that coded tensors refer to. Empty if nothing is coded.
    var shared: SharedTables { get }
    /// Side files, in order of their names.
    var files: [any EmbeddedFile] { get }
    /// Warnings of the reader.
    var warnings: [String] { get }
    /// The paths of all input files: an output never replaces one of them.
    var inputs: [String] { get }
    /// Identifies the input's content and every option that affects the output, for `--resume`: sources with equal fingerprints give equal
    /// bytes.
    var fingerprint: String { get }

    /// Reads of this tensor start at multiples of this many units, and end at such a multiple or at the tensor's end.
    func granule(of tensor: Int) -> Int
    /// Reads units (bytes of a raw tensor, rows of a coded one) of the tensor at this index.
    func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk
    /// Lends units of a raw tensor to `body`, without a copy if possible. The span ends with the call.
    func withElements<Result>(_ units: Range<Int>, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result
    /// Reads a stream that belongs to a coded tensor as a whole.
    func readWhole(stream: Int, of tensor: Int) throws -> [UInt8]
}

extension TensorSource {
    public var shared: SharedTables { SharedTables() }
    public var files: [any EmbeddedFile] { [] }
    public var warnings: [String] { [] }

    public func granule(of tensor: Int) -> Int {
        switch tensors[tensor].storage {
        case .raw(let dtype): dtype.blockBytes
        case .coded(let coding): coding.groupRows
        case .alias, .unreadable: 1
        }
    }

    /// Lends a copy.
    public func withElements<Result>(_ units: Range<Int>, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        try withCopy(units, of: tensor, body)
    }

    /// Reads a stream that is needed as a whole, such as the channel scales.
    public func readWhole(stream: Int, of tensor: Int) throws -> [UInt8] {
        throw QAMError(.invalidArgument, "stream \(stream) is not a stream of the whole tensor", at: .init(tensor: tensors[tensor].name))
    }

    func withCopy<Result>(_ units: Range<Int>, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        let bytes = try read(units, of: tensor).streams.first ?? []
        return try unsafe body(bytes.span.bytes)
    }
}

/// A consumer of tensors: a file being written.
///
/// Calls are made by one thread at a time, in this order: `begin`; for each tensor that is not yet complete `write` for consecutive ranges
/// (none for an alias or an empty tensor), then `endTensor`; finally `finish` or, after an error, `discard`.
public protocol TensorSink: AnyObject {
    /// Receives everything except payloads. Returns the findings of each of the first tensors that are already complete, which are none
    /// unless an interrupted run is resumed.
    func begin(_ source: any TensorSource) throws -> [TensorFindings]
    func write(_ chunk: TensorChunk, units: Range<Int>, of tensor: Int) throws
    func endTensor(_ tensor: Int, findings: TensorFindings) throws
    /// Makes the complete output appear under its name, on disk. Returns the bytes written.
    func finish() throws -> Int
    /// Removes everything, or with `keepingPartial` keeps what a resumed run needs.
    func discard(keepingPartial: Bool)
}
