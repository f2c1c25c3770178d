package import QAMFormat

/// Where every byte of an output's files goes: known before any payload is read.
package struct OutputPlan: Sendable {
    /// A file that holds tensors: its header, and its length in all. What is neither header nor payload is zero.
    package struct Shard: Sendable {
        package var path: String
        package var header: [UInt8]
        package var byteCount: Int
    }

    /// Where a tensor's payload goes.
    package struct Place: Sendable {
        package var shard: Int
        /// The offset in the file.
        package var offset: Int
        package var byteCount: Int
    }

    package var shards: [Shard]
    /// For each tensor of the source; that of an alias is a full copy of its target.
    package var places: [Place]
    package var sideFiles: [(path: String, file: any EmbeddedFile)] = []
    /// A small file that says which shard holds what.
    package var index: (path: String, bytes: [UInt8])?

    /// The paths of all files in the order in which they appear: what makes the others findable comes last.
    package var paths: [String]
    /// The path that stands for the whole output.
    package var main: String { paths[paths.count - 1] }
    /// The bytes of all files.
    package var byteCount: Int {
        sideFiles.reduce(0) { $0 + $1.file.byteCount } + shards.reduce(index?.bytes.count ?? 0) { $0 + $1.byteCount }
    }
}
