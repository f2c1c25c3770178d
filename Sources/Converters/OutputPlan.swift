package import QAMFormat

/// The layout of every output file, known before any payload is read.
package struct OutputPlan: Sendable {
    /// A file with tensors: its header and total length. All bytes outside header and payloads are zero.
    package struct Shard: Sendable {
        package var path: String
        package var header: [UInt8]
        package var byteCount: Int
    }

    /// The place of a tensor's payload.
    package struct Place: Sendable {
        package var shard: Int
        /// The offset in the file.
        package var offset: Int
        package var byteCount: Int
    }

    package var shards: [Shard]
    /// One for each tensor of the source; an alias gets a full copy of its target.
    package var places: [Place]
    package var sideFiles: [(path: String, file: any EmbeddedFile)] = []
    /// A small file that maps tensors to shards.
    package var index: (path: String, bytes: [UInt8])?

    /// The paths of all files in the order in which they are placed: the one by which the others are found comes last.
    package var paths: [String]
    /// The path that represents the whole output.
    package var main: String { paths[paths.count - 1] }
    /// The total size of all files.
    package var byteCount: Int {
        sideFiles.reduce(0) { $0 + $1.file.byteCount } + shards.reduce(index?.bytes.count ?? 0) { $0 + $1.byteCount }
    }
}
