/// Writes a .qamw file in one streaming pass: all places follow from the shapes, but those of compressed raw tensors,
/// which come last. The file appears under its name when it is complete and on disk.
public final class QAMWriter: TensorSink {
    private let path: String
    private let options: ContainerOptions
    private let replacing: Bool
    private let resuming: Bool
    private var assembly: ContainerAssembly?

    /// Prepares to write `path`. With `replacing` an existing file is replaced at the end; with `resuming` the partial
    /// file of an interrupted run is taken up, if there is one.
    public init(path: String, options: ContainerOptions = ContainerOptions(), replacing: Bool = false, resuming: Bool = false) {
        self.path = path
        self.options = options
        self.replacing = replacing
        self.resuming = resuming
    }

    /// The file's size: exact, unless raw tensors are compressed, which makes it smaller, or a little larger where they
    /// are noise.
    public static func plannedByteCount(of source: any TensorSource, options: ContainerOptions = ContainerOptions()) throws -> Int {
        try ContainerPlan(source, options: options).byteCount(storing: source.files)
    }

    public func begin(_ source: any TensorSource) throws -> [TensorFindings] {
        let plan = try ContainerPlan(source, options: options)
        let set = try OutputSet(inputs: source.inputs, replacing: replacing)
        let assembly = try ContainerAssembly(
            source: source, plan: plan, path: path, set: set, resuming: resuming)
        self.assembly = assembly
        return try assembly.begin()
    }

    public func write(_ chunk: TensorChunk, units: Range<Int>, of tensor: Int) throws {
        try opened().write(chunk, of: tensor)
    }

    public func endTensor(_ tensor: Int, findings: TensorFindings) throws {
        try opened().endTensor(tensor, findings: findings)
    }

    public func finish() throws -> Int {
        try opened().finish()
    }

    public func discard(keepingPartial: Bool) {
        assembly?.discard(keepingPartial: keepingPartial)
        assembly = nil
    }

    private func opened() throws -> ContainerAssembly {
        guard let assembly else { throw QAMError(.invalidArgument, "the writer is not open", at: .init(file: path)) }
        return assembly
    }
}
