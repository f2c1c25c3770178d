/// A piece of a chunked section; offsets are relative to the section.
package struct SectionExtent: Hashable, Sendable {
    package var section: SectionName
    package var offset: Int
    /// Stored bytes.
    package var length: Int

    package var end: Int { offset + length }
    package var chunkCount: Int { Self.chunkCount(length: length) }

    /// The number of chunks in this many bytes.
    package static func chunkCount(length: Int) -> Int { ChunkHashes.count(of: length) }

    /// Bytes per hash; the last chunk of an extent may be shorter.
    package static let chunkSize = ChunkHashes.chunkSize
    /// Extents begin at multiples of this.
    package static let alignment = 64
}

/// How an extent's bytes are stored.
package enum Compression: UInt8, Hashable, Sendable {
    case none = 0
    /// Frames of 1 MiB and a table (spec section 5.3).
    case zstdFrames = 1
}

/// The directory of a file being written: tensors and embedded files with their extents (spec section 6.2). An open file has a `StoredDirectory`.
///
/// The extents of all tensors are in one array: a model has thousands of tensors, and an array for each would cost too much.
package struct Directory: Sendable {
    /// The extents of a tensor's payload.
    package struct Place: Hashable, Sendable {
        // A tensor has at most 255 streams, and no directory within readers' limits has 2^32 extents.
        fileprivate var firstExtent: UInt32
        fileprivate var extentCount: UInt8
        package var compression: Compression

        /// Indices into `Directory.extents`: one for a raw tensor, one per stream of a coded one, none for an alias.
        package var extents: Range<Int> { Int(firstExtent)..<Int(firstExtent) + Int(extentCount) }
    }

    package struct File: Hashable, Sendable {
        package var name: String
        package var contentLength: Int
        package var extent: SectionExtent
        /// Nil if unknown to this program.
        package var compression: Compression?
        package var role: EmbeddedFileRole
    }

    package private(set) var tensors: [TensorDescriptor] = []
    /// One for each tensor.
    package private(set) var places: [Place] = []
    package var extents: [SectionExtent] = []
    package var files: [File] = []

    package init() {}

    /// Adds a tensor with the extents from `firstExtent` to the end of `extents`.
    package mutating func append(_ tensor: consuming TensorDescriptor, firstExtent: Int, compression: Compression = .none) {
        tensors.append(tensor)
        places.append(
            Place(firstExtent: UInt32(firstExtent), extentCount: UInt8(extents.count - firstExtent), compression: compression))
    }

    package func extents(of tensor: Int) -> ArraySlice<SectionExtent> { extents[places[tensor].extents] }

    /// All extents of a section, in order of offset.
    package func extents(in section: SectionName) -> [SectionExtent] {
        (section == .files ? files.map(\.extent) : extents).filter { $0.section == section }
    }
}

extension SectionName {
    /// The section's number in the extents of tensors.
    package var extentNumber: UInt8? {
        switch self {
        case .raw: 0
        case .symbols: 1
        case .scales: 2
        default: nil
        }
    }

    package static func ofExtent(number: UInt8) -> SectionName? { allCases.first { $0.extentNumber == number } }
}

extension StreamRole {
    /// The section for streams of this role.
    package var section: SectionName { self == .symbols ? .symbols : .scales }
}
