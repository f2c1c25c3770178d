/// What a damaged file is repaired from. Nothing of it is trusted: what it gives is taken where the damaged file's checksums match.
package struct RepairMaterial: Sendable {
    /// Files whose stored bytes may be the same.
    package var files: [ContainerFile]
    /// Models whose tensors, metadata and embedded files may be the same, in whatever container.
    package var sources: [any TensorSource]
    /// The paths that all of it is read from.
    package var inputs: [String]
    /// Further contents that a small section may have, given the damaged ones.
    package var contents: @Sendable (SectionName, [UInt8]) throws -> [[UInt8]]
    /// Sources that make the tensors of the damaged file again, given the file with its table of contents repaired.
    package var remaking: @Sendable (QAMReader) throws -> [any TensorSource]

    package init(
        files: [ContainerFile], sources: [any TensorSource], inputs: [String],
        contents: @escaping @Sendable (SectionName, [UInt8]) throws -> [[UInt8]] = { _, _ in [] },
        remaking: @escaping @Sendable (QAMReader) throws -> [any TensorSource] = { _ in [] }
    ) {
        self.files = files
        self.sources = sources
        self.inputs = inputs
        self.contents = contents
        self.remaking = remaking
    }

    /// A bound for the length of the repaired file: a damaged header may claim any.
    var byteBound: Int {
        sources.flatMap(\.tensors).map(\.byteCount).reduce(files.reduce(1 << 30) { $0 &+ $1.bytes.byteCount }) { sum, more in
            let (next, overflow) = sum.addingReportingOverflow(more)
            return overflow ? .max : next
        }
    }
}
